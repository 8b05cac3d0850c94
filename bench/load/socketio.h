/* Many Socket.IO 5 connections (Engine.IO 4, WebSocket only) on one epoll, as cheap as they can be had. */
#ifndef SOCKETIO_H
#define SOCKETIO_H

#include <stddef.h>
#include <stdint.h>

typedef enum { CLOSED, UPGRADING, OPENING, CONNECTING, JOINING, READY } State;

typedef struct {
    int fd;
    State state;
    int joins;              /* acks of joins that are still to come */
    int64_t version, behind; /* last version heard, and up to which to catch up; used by the storm */
    char *rest, *out;       /* the beginning of a frame, and what could not be written yet */
    size_t rest_length, out_length;
} Connection;

/* What the load does with what comes in: `packet` is a Socket.IO packet without its Engine.IO type, e.g. 2["name",{}]. */
typedef struct {
    void (*connected)(Connection *connection);
    void (*packet)(Connection *connection, char *packet, size_t length);
    const char *(*credentials)(Connection *connection);
} Handler;

extern uint64_t bytes_read, reads;

uint64_t now_ns(void);
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void network_start(const Handler *handler);
void connection_open(Connection *connection, int port);
void connection_close(Connection *connection);
void send_packet(Connection *connection, const char *packet, size_t length);
void network_turn(int64_t wait_ns);

#endif
