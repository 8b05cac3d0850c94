/* Counts of durations with 3 % resolution from 1 us to an hour: 32 buckets per power of two. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <string.h>

enum { STEPS_LOG2 = 5, STEPS = 1 << STEPS_LOG2, BUCKETS = STEPS * 32 };

typedef struct {
    uint64_t count[BUCKETS], total, largest;
} Histogram;

static inline int bucket_of(uint64_t us) {
    if (us < STEPS) return (int)us;
    int exponent = 63 - __builtin_clzll(us);
    int bucket = (exponent - STEPS_LOG2 + 1) * STEPS + (int)((us >> (exponent - STEPS_LOG2)) & (STEPS - 1));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static inline uint64_t upper_end(int bucket) {
    if (bucket < STEPS) return (uint64_t)bucket;
    int shift = bucket / STEPS - 1;
    return ((uint64_t)(STEPS + bucket % STEPS + 1) << shift) - 1;
}

static inline void record(Histogram *histogram, uint64_t us) {
    histogram->count[bucket_of(us)]++;
    histogram->total++;
    if (us > histogram->largest) histogram->largest = us;
}

/* The duration that `share` (0 to 1) of all do not exceed, in microseconds. */
static inline uint64_t percentile(const Histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        if ((seen += histogram->count[bucket]) > wanted) return upper_end(bucket);
    return histogram->largest;
}

#endif
