/* A load client for Socket.IO servers on this machine that speak Greenroom's events.
 *
 *   load -p PORT[,PORT] -n CONNECTIONS -g ROOMS [-a CREDENTIALS] [-c CONVERSATIONS] [-j JOINS] [-f IN_FLIGHT]
 *        [-s SENDERS] [-w WINDOW | -r RATE] [-b BODY_BYTES] [-t SECONDS] [-x MESSAGES]
 *
 * Connection i is a member of room i mod ROOMS; the first SENDERS members of each room send. With several ports the members of
 * a room are spread over them. -a: connection i connects with line i of this file; -c: line j is the id of room j.
 * -j: each connection joins that many rooms, i * JOINS and on (then nobody sends). -f: so many connect at a time.
 *
 * A connection is ready when its join is acknowledged. Closed loop: a sender has WINDOW messages under way, each until it has come
 * back to the sender. Open loop (-r): RATE messages/s by all senders together, each stamped with the time at which it was due, so that a
 * server that holds the client up does not hide its delay. Latency: from that stamp to the receipt by each member.
 *
 * -x, the storm: MESSAGES are sent by each sender and heard by all; all but the senders leave; as many again are sent; at a
 * line on stdin all come back at once, join with `since`, and check that no version is missing.
 *
 * Prints a JSON line when all are ready, when measuring begins (after a second of warm-up), and one with the results.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "histogram.h"
#include "socketio.h"

enum { CONNECT_SECONDS = 120, WARM_UP_SECONDS = 1, DRAIN_SECONDS = 20, MAX_BODY = 10000 };
#define SECOND ((uint64_t)1000000000)
#define MARK "\"t="

static int connections = 100, rooms = 1, senders = 0, window = 1, joins = 1, in_flight = 64, seconds = 5, body = 64, storm;
static int ports[8], port_count;
static double rate;
static char **credentials, **conversations;

static Connection *all;
static int ready, joined_again;
static int sending, measuring;
static uint64_t sent, received, acks, errors, holes, incomplete, quota = UINT64_MAX;
static uint64_t started;
static Histogram latency;

static int index_of(const Connection *connection) { return (int)(connection - all); }
static int is_sender(const Connection *connection) { return index_of(connection) / rooms < senders; }
static char *find(char *text, size_t length, const char *what) { return memmem(text, length, what, strlen(what)); }

static char **read_lines(const char *path, int wanted) {
    FILE *file = fopen(path, "r");
    char **lines = calloc((size_t)wanted, sizeof *lines), *line = NULL;
    size_t size = 0;
    if (!file) fail("%s cannot be read", path);
    for (int i = 0; i < wanted; i++) {
        if (getline(&line, &size, file) <= 0) fail("%s has fewer than %d lines", path, wanted);
        lines[i] = strndup(line, strcspn(line, "\n"));
    }
    fclose(file);
    free(line);
    return lines;
}

/* sending */

static void send_message(Connection *connection, uint64_t stamp) {
    static char packet[MAX_BODY + 512], filler[MAX_BODY];
    if (!filler[0]) memset(filler, 'x', sizeof filler);
    int length = snprintf(packet, sizeof packet,
        "2%llu[\"message:send\",{\"conversationId\":\"%s\",\"content\":\"t=%llu c=%d %.*s\",\"clientId\":\"%llx-%llx\"}]",
        (unsigned long long)sent, conversations[index_of(connection) % rooms], (unsigned long long)stamp,
        index_of(connection), body, filler, (unsigned long long)started, (unsigned long long)sent);
    sent++;
    send_packet(connection, packet, (size_t)length);
}

static void send_first(void) {
    sending = 1;
    for (int i = 0; i < rooms * senders; i++)
        for (int under_way = 0; under_way < window && sent < quota; under_way++) send_message(&all[i], now_ns());
}

static void send_due(uint64_t *next, int *turn) {
    for (uint64_t now = now_ns(); *next <= now; *next += (uint64_t)(SECOND / rate)) {
        send_message(&all[*turn], *next);
        *turn = (*turn + 1) % (rooms * senders);
    }
}

/* receiving */

static void heard_version(Connection *connection, int64_t version) {
    if (version > connection->version + 1) holes += (uint64_t)(version - connection->version - 1);
    if (version > connection->version) connection->version = version;
}

static int64_t number_after(char *text, size_t length, const char *key) {
    char *found = find(text, length, key);
    return found ? strtoll(found + strlen(key), NULL, 10) : -1;
}

static void take_joined(Connection *connection, char *packet, size_t length) {
    char *end = packet + length, *at = find(packet, length, "\"messages\":[");
    int64_t version = number_after(packet, length, "\"version\":");
    if (find(packet, length, "\"error\"")) fail("a join was refused: %.*s", (int)length, packet);
    if (connection->behind) {
        if (!find(packet, length, "\"complete\":true")) incomplete++;
        while (at && (at = find(at, (size_t)(end - at), "\"version\":")))
            heard_version(connection, strtoll(at += strlen("\"version\":"), NULL, 10));
        heard_version(connection, connection->behind + 1);  /* what is still missing now is a hole */
        joined_again++;
    }
    connection->version = version;
    if (--connection->joins == 0) {
        connection->state = READY;
        ready++;
    }
}

static void take_ack(Connection *connection, char *packet, size_t length) {
    if (connection->state == JOINING) {
        take_joined(connection, packet, length);
        return;
    }
    acks++;
    if (find(packet, length, "\"error\"") && !errors++) fprintf(stderr, "an error: %.*s\n", (int)length, packet);
}

/* The stamp lies at nearly the same place in each message: look there first. */
static char *find_stamp(char *packet, size_t length) {
    static size_t usual;
    if (usual + 32 < length && !memcmp(packet + usual, MARK, strlen(MARK))) return packet + usual + strlen(MARK);
    char *found = find(packet, length, MARK);
    if (!found) return NULL;
    usual = (size_t)(found - packet);
    return found + strlen(MARK);
}

static void take_packet(Connection *connection, char *packet, size_t length) {
    char *after, *stamp;
    if (packet[0] == '3') {
        take_ack(connection, packet, length);
        return;
    }
    if (!(stamp = find_stamp(packet, length))) return;
    uint64_t due = strtoull(stamp, &after, 10);
    received++;
    if (measuring) record(&latency, (now_ns() - due) / 1000);
    if (storm) heard_version(connection, number_after(packet, length, "\"version\":"));
    int own = is_sender(connection) && atoi(after + 3) == index_of(connection);
    if (own && sending && !rate && sent < quota) send_message(connection, now_ns());
}

/* connecting */

static const char *credentials_of(Connection *connection) { return credentials ? credentials[index_of(connection)] : ""; }

static void join_rooms(Connection *connection) {
    char packet[256], since[48] = "";
    if (connection->behind) snprintf(since, sizeof since, ",\"since\":%lld", (long long)connection->version);
    connection->state = JOINING;
    connection->joins = joins;
    for (int i = 0; i < joins; i++) {
        char *conversation = conversations[(index_of(connection) * joins + i) % rooms];
        int length = snprintf(packet, sizeof packet, "21[\"join:conversation\",{\"conversationId\":\"%s\"%s}]", conversation, since);
        send_packet(connection, packet, (size_t)length);
    }
}

static void connect_all(void) {
    int opened = ready;
    uint64_t deadline = now_ns() + CONNECT_SECONDS * SECOND;
    for (int i = 0; i < connections; i++) {
        if (all[i].state != CLOSED) continue;
        connection_open(&all[i], ports[i / rooms % port_count]);
        for (opened++; opened - ready >= in_flight;) network_turn((int64_t)SECOND / 100);
    }
    while (ready < connections) {
        network_turn((int64_t)SECOND / 100);
        if (now_ns() > deadline) fail("only %d of %d connections became ready", ready, connections);
    }
}

/* scenarios */

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run_until(uint64_t end) {
    static uint64_t next;
    static int turn;
    if (rate && !next) next = now_ns();
    for (uint64_t now; (now = now_ns()) < end;) {
        if (rate) send_due(&next, &turn);
        uint64_t wake = rate && next < end ? next : end;
        network_turn(wake > now ? (int64_t)(wake - now) : 0);
    }
}

static void wait_for(const uint64_t *count, uint64_t wanted) {
    uint64_t deadline = now_ns() + DRAIN_SECONDS * SECOND;
    while (*count < wanted && now_ns() < deadline) network_turn((int64_t)SECOND / 100);
}

static void measure(void) {
    if (!rate) send_first();
    run_until(now_ns() + WARM_UP_SECONDS * SECOND);
    printf("{\"event\":\"measuring\"}\n");
    measuring = 1;
    uint64_t begin = now_ns(), sent_before = sent, received_before = received, bytes_before = bytes_read, reads_before = reads;
    double cpu_before = cpu_seconds();
    run_until(begin + (uint64_t)seconds * SECOND);
    uint64_t end = now_ns(), heard = received - received_before;
    double cpu = cpu_seconds() - cpu_before;
    printf("{\"event\":\"measured\",\"seconds\":%.4f,\"sent\":%llu,\"received\":%llu,\"bytes\":%llu,\"reads\":%llu,\"cpu\":%.4f,"
           "\"p50\":%llu,\"p99\":%llu,\"p999\":%llu,\"largest\":%llu}\n",
           (double)(end - begin) / 1e9, (unsigned long long)(sent - sent_before), (unsigned long long)heard,
           (unsigned long long)(bytes_read - bytes_before), (unsigned long long)(reads - reads_before), cpu,
           (unsigned long long)percentile(&latency, 0.5), (unsigned long long)percentile(&latency, 0.99),
           (unsigned long long)percentile(&latency, 0.999), (unsigned long long)latency.largest);
    sending = measuring = 0;
    uint64_t expected = sent * (uint64_t)(connections / rooms);
    wait_for(&received, expected);
    wait_for(&acks, sent);
    printf("{\"event\":\"drained\",\"lost\":%lld,\"unacked\":%lld,\"errors\":%llu}\n",
           (long long)(expected - received), (long long)(sent - acks), (unsigned long long)errors);
}

static void talk(uint64_t messages, int members) {
    uint64_t expected = received + messages * (uint64_t)members;
    quota = sent + messages;
    send_first();
    wait_for(&received, expected);
    wait_for(&acks, quota);
    sending = 0;
    if (received != expected || errors) fail("%lld deliveries are missing", (long long)(expected - received));
}

static void leave(void) {
    for (int i = rooms * senders; i < connections; i++) {
        connection_close(&all[i]);
        ready--;
    }
}

static void wait_for_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin)) fail("nobody said when to come back");
}

static void run_storm(void) {
    uint64_t messages = (uint64_t)storm * (uint64_t)rooms * (uint64_t)senders;
    talk(messages, connections / rooms);
    leave();
    run_until(now_ns() + SECOND);
    talk(messages, senders);
    for (int i = rooms * senders; i < connections; i++) all[i].behind = all[i % rooms].version;
    printf("{\"event\":\"away\"}\n");
    wait_for_line();
    uint64_t begin = now_ns();
    double cpu_before = cpu_seconds();
    connect_all();
    printf("{\"event\":\"returned\",\"seconds\":%.4f,\"clients\":%d,\"holes\":%llu,\"incomplete\":%llu,\"cpu\":%.4f}\n",
           (double)(now_ns() - begin) / 1e9, joined_again, (unsigned long long)holes, (unsigned long long)incomplete,
           cpu_seconds() - cpu_before);
    wait_for_line();
}

static void read_options(int count, char **arguments) {
    const char *credentials_path = NULL, *conversations_path = NULL;
    for (int option; (option = getopt(count, arguments, "p:n:g:a:c:j:f:s:w:r:b:t:x:")) != -1;) switch (option) {
        case 'p':
            for (char *port = strtok(optarg, ","); port && port_count < 8; port = strtok(NULL, ",")) ports[port_count++] = atoi(port);
            break;
        case 'n': connections = atoi(optarg); break;
        case 'g': rooms = atoi(optarg); break;
        case 'a': credentials_path = optarg; break;
        case 'c': conversations_path = optarg; break;
        case 'j': joins = atoi(optarg); break;
        case 'f': in_flight = atoi(optarg); break;
        case 's': senders = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'b': body = atoi(optarg); break;
        case 't': seconds = atoi(optarg); break;
        case 'x': storm = atoi(optarg); break;
        default: exit(2);
    }
    if (!port_count || !conversations_path) fail("-p and -c are needed");
    if (rooms < 1 || connections * joins < rooms || body > MAX_BODY) fail("this makes no sense: see load.c");
    if (senders && (joins > 1 || connections % rooms)) fail("to send, let each connection join one room, and all rooms be alike");
    conversations = read_lines(conversations_path, rooms);
    credentials = credentials_path ? read_lines(credentials_path, connections) : NULL;
}

int main(int count, char **arguments) {
    static const Handler handler = {.connected = join_rooms, .packet = take_packet, .credentials = credentials_of};
    read_options(count, arguments);
    setvbuf(stdout, NULL, _IOLBF, 0);
    network_start(&handler);
    all = calloc((size_t)connections, sizeof *all);
    started = now_ns();
    connect_all();
    printf("{\"event\":\"ready\",\"seconds\":%.4f,\"cpu\":%.4f}\n", (double)(now_ns() - started) / 1e9, cpu_seconds());
    if (storm) run_storm();
    else measure();
    return 0;
}
