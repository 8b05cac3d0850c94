#define _GNU_SOURCE
#include "socketio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, EVENTS = 256 };

uint64_t bytes_read, reads;
static const Handler *handle;
static int poller;
static char buffer[BUFFER + 1];

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

void network_start(const Handler *handler) {
    handle = handler;
    if ((poller = epoll_create1(0)) < 0) fail("epoll: %s", strerror(errno));
}

static void watch(Connection *connection, int operation) {
    uint32_t events = EPOLLIN | (connection->out_length ? EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->fd, &event)) fail("epoll: %s", strerror(errno));
}

/* Keep what the socket does not take, until it can be written. */
static void write_later(Connection *connection, const char *bytes, size_t length) {
    connection->out = realloc(connection->out, connection->out_length + length);
    memcpy(connection->out + connection->out_length, bytes, length);
    connection->out_length += length;
    watch(connection, EPOLL_CTL_MOD);
}

static size_t write_now(Connection *connection, const char *bytes, size_t length) {
    ssize_t written = send(connection->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN) fail("write: %s", strerror(errno));
    return written < 0 ? 0 : (size_t)written;
}

static void write_all(Connection *connection, const char *bytes, size_t length) {
    size_t written = connection->out_length ? 0 : write_now(connection, bytes, length);
    if (written < length) write_later(connection, bytes + written, length - written);
}

static void write_rest(Connection *connection) {
    size_t written = write_now(connection, connection->out, connection->out_length);
    connection->out_length -= written;
    memmove(connection->out, connection->out + written, connection->out_length);
    if (!connection->out_length) watch(connection, EPOLL_CTL_MOD);
}

/* Clients must mask; with a key of zeros that changes nothing. */
static void send_frame(Connection *connection, int type, const char *packet, size_t length) {
    char frame[BUFFER / 4];
    size_t head = 0, size = length + 1;
    if (size + 16 > sizeof frame) fail("a message of %zu bytes is too long", length);
    frame[head++] = (char)0x81;
    if (size < 126) frame[head++] = (char)(0x80 | size);
    else {
        frame[head++] = (char)(0x80 | 126);
        frame[head++] = (char)(size >> 8);
        frame[head++] = (char)size;
    }
    memset(frame + head, 0, 4);
    head += 4;
    frame[head++] = (char)type;
    memcpy(frame + head, packet, length);
    write_all(connection, frame, head + length);
}

void send_packet(Connection *connection, const char *packet, size_t length) {
    send_frame(connection, '4', packet, length);
}

void connection_open(Connection *connection, int port) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0) fail("socket: %s", strerror(errno));
    if (connect(connection->fd, (struct sockaddr *)&server, sizeof server)) fail("connect: %s", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->state = UPGRADING;
    watch(connection, EPOLL_CTL_ADD);
    char request[256];
    int length = snprintf(request, sizeof request,
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n", port);
    write_all(connection, request, (size_t)length);
}

void connection_close(Connection *connection) {
    close(connection->fd);
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_length = connection->out_length = 0;
    connection->state = CLOSED;
}

static void take_packet(Connection *connection, char *text, size_t length) {
    if (length && text[0] == '2') send_frame(connection, '3', "", 0);
    else if (length && text[0] == '0') {
        char packet[4096];
        int size = snprintf(packet, sizeof packet, "0%s", handle->credentials(connection));
        connection->state = CONNECTING;
        send_packet(connection, packet, (size_t)size);
    } else if (length > 1 && text[0] == '4') {
        if (text[1] == '4') fail("refused: %.*s", (int)length, text);
        if (text[1] == '0') handle->connected(connection);
        else handle->packet(connection, text + 1, length - 1);
    }
}

/* Take the next whole frame; returns its size, 0 if there is none yet. */
static size_t take_frame(Connection *connection, unsigned char *bytes, size_t length) {
    if (length < 2) return 0;
    size_t size = bytes[1] & 127, head = 2;
    if (size == 126) {
        if (length < 4) return 0;
        size = (size_t)bytes[2] << 8 | bytes[3];
        head = 4;
    } else if (size == 127) {
        if (length < 10) return 0;
        size = 0;
        for (head = 2; head < 10; head++) size = size << 8 | bytes[head];
    }
    if (length < head + size) return 0;
    if ((bytes[0] & 15) == 8) fail("the server closed a connection");
    if ((bytes[0] & 15) == 1) take_packet(connection, (char *)bytes + head, size);
    return head + size;
}

/* Take the answer to the upgrade; returns its size, 0 if it is not whole yet. */
static size_t take_answer(Connection *connection, const char *bytes, size_t length) {
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (length < 12 || memcmp(bytes, "HTTP/1.1 101", 12)) fail("no upgrade: %.*s", (int)length, bytes);
    connection->state = OPENING;
    return (size_t)(end - bytes) + 4;
}

static void keep_rest(Connection *connection, const char *bytes, size_t length) {
    free(connection->rest);
    connection->rest = length ? memcpy(malloc(length), bytes, length) : NULL;
    connection->rest_length = length;
}

static void read_some(Connection *connection) {
    size_t length = connection->rest_length, taken = 0, step = 0;
    if (length) memcpy(buffer, connection->rest, length);
    ssize_t got = recv(connection->fd, buffer + length, BUFFER - length, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("a connection was lost: %s", got ? strerror(errno) : "closed by the server");
    length += (size_t)got;
    bytes_read += (size_t)got;
    reads++;
    do {
        taken += step;
        step = connection->state == UPGRADING ? take_answer(connection, buffer + taken, length - taken)
                                              : take_frame(connection, (unsigned char *)buffer + taken, length - taken);
    } while (step && connection->state != CLOSED);
    if (connection->state != CLOSED && (connection->rest_length || taken < length))
        keep_rest(connection, buffer + taken, length - taken);
}

void network_turn(int64_t wait_ns) {
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int count = epoll_pwait2(poller, events, EVENTS, wait_ns < 0 ? NULL : &wait, NULL);
    for (int i = 0; i < count; i++) {
        Connection *connection = events[i].data.ptr;
        if (connection->state == CLOSED) continue;
        if (events[i].events & EPOLLOUT) write_rest(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(connection);
    }
}
