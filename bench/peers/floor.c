/* The floor of the comparison: what passing messages on costs when there is nothing else, on one epoll loop.
 *
 * It speaks to bench/load alone: it knows no users, no storage and no Redis, believes that lengths are right and masks zero, and
 * sends a constant where the key of the upgrade's answer belongs. Like the hub, it writes once per member and turn.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1 << 16, MAX_ROOMS = 1 << 12, BUFFER = 1 << 20, EVENTS = 256, HEAD = 4 };

typedef struct {
    char *bytes;
    size_t length, capacity;
} Bytes;

typedef struct {
    Bytes in, out;
    int connected;
} Connection;

typedef struct {
    char name[64];
    int *members, count, capacity, dirty;
    Bytes said;
} Room;

static Connection connections[MAX_CONNECTIONS]; /* by file descriptor */
static Room rooms[MAX_ROOMS];                   /* by hash of the name, with linear probing */
static Room *dirty[MAX_ROOMS];
static int dirty_count, poller;

static void append(Bytes *bytes, const void *more, size_t length) {
    if (bytes->length + length > bytes->capacity) {
        bytes->capacity = (bytes->length + length) * 2;
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
    }
    memcpy(bytes->bytes + bytes->length, more, length);
    bytes->length += length;
}

static void append_frame(Bytes *bytes, const char *text, size_t length) {
    unsigned char head[HEAD] = {0x81, (unsigned char)length};
    if (length > 125) {
        head[1] = 126;
        head[2] = (unsigned char)(length >> 8);
        head[3] = (unsigned char)length;
    }
    append(bytes, head, length > 125 ? 4 : 2);
    append(bytes, text, length);
}

static void watch(int fd, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (connections[fd].out.length ? EPOLLOUT : 0), .data.fd = fd};
    epoll_ctl(poller, operation, fd, &event);
}

/* Write, and keep what the socket does not take. */
static void write_all(int fd, const char *bytes, size_t length) {
    Bytes *out = &connections[fd].out;
    ssize_t written = out->length ? 0 : write(fd, bytes, length);
    size_t done = written > 0 ? (size_t)written : 0;
    if (done == length) return;
    append(out, bytes + done, length - done);
    watch(fd, EPOLL_CTL_MOD);
}

static void write_rest(int fd) {
    Bytes rest = connections[fd].out;
    connections[fd].out = (Bytes){0};
    write_all(fd, rest.bytes, rest.length);
    free(rest.bytes);
    watch(fd, EPOLL_CTL_MOD);
}

static Room *room_named(const char *name, size_t length) {
    unsigned hash = 5381;
    for (size_t i = 0; i < length; i++) hash = hash * 33 + (unsigned char)name[i];
    Room *room = &rooms[hash % MAX_ROOMS];
    while (room->name[0] && (memcmp(room->name, name, length) || room->name[length]))
        room = room + 1 < rooms + MAX_ROOMS ? room + 1 : rooms;
    memcpy(room->name, name, length);
    return room;
}

static void join(Room *room, int fd) {
    if (room->count == room->capacity) {
        room->capacity = room->capacity * 2 + 8;
        room->members = realloc(room->members, (size_t)room->capacity * sizeof *room->members);
    }
    room->members[room->count++] = fd;
}

static void acknowledge(int fd, const char *id, size_t digits) {
    char text[64];
    Bytes frame = {0};
    int length = snprintf(text, sizeof text, "43%.*s[{}]", (int)digits, id);
    append_frame(&frame, text, (size_t)length);
    write_all(fd, frame.bytes, frame.length);
    free(frame.bytes);
}

/* 42ID["join:conversation",{"conversationId":"NAME"}] or 42ID["message:send",{"conversationId":"NAME",...}] */
static void take_event(int fd, char *text, size_t length) {
    static char said[BUFFER];
    size_t digits = strspn(text + 2, "0123456789");
    char *payload = memchr(text, '{', length), *name = memmem(text, length, "\":\"", 3);
    if (!payload || !name) return;
    name += 3;
    Room *room = room_named(name, strcspn(name, "\""));
    if (memmem(text, 24 + digits, "\"join", 5)) join(room, fd);
    else {
        int size = snprintf(said, sizeof said, "42[\"message:received\",%.*s", (int)(length - (size_t)(payload - text)), payload);
        append_frame(&room->said, said, (size_t)size);
        if (!room->dirty) dirty[dirty_count++] = room;
        room->dirty = 1;
    }
    acknowledge(fd, text + 2, digits);
}

static void take_text(int fd, char *text, size_t length) {
    static const char connected[] = "40{\"sid\":\"floor\"}";
    Bytes frame = {0};
    if (length >= 2 && text[0] == '4' && text[1] == '2') take_event(fd, text, length);
    if (length >= 2 && text[0] == '4' && text[1] == '0') {
        append_frame(&frame, connected, sizeof connected - 1);
        write_all(fd, frame.bytes, frame.length);
        free(frame.bytes);
    }
}

/* Take the next whole frame; returns its size, 0 if there is none yet. */
static size_t take_frame(int fd, char *bytes, size_t length) {
    if (length < 6) return 0;
    size_t size = bytes[1] & 127, head = 6;
    if (size == 126) {
        size = (size_t)(unsigned char)bytes[2] << 8 | (unsigned char)bytes[3];
        head = 8;
    }
    if (length < head + size) return 0;
    take_text(fd, bytes + head, size);
    return head + size;
}

static size_t take_request(int fd, const char *bytes, size_t length) {
    static const char open[] = "0{\"sid\":\"floor\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
    static const char switching[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) return 0;
    Bytes answer = {0};
    append(&answer, switching, sizeof switching - 1);
    append_frame(&answer, open, sizeof open - 1);
    write_all(fd, answer.bytes, answer.length);
    free(answer.bytes);
    connections[fd].connected = 1;
    return (size_t)(end - bytes) + 4;
}

static void read_some(int fd) {
    static char buffer[BUFFER + 1];
    Connection *connection = &connections[fd];
    size_t length = connection->in.length, taken = 0, step = 0;
    if (length) memcpy(buffer, connection->in.bytes, length);
    ssize_t got = read(fd, buffer + length, BUFFER - length);
    if (got <= 0) {
        if (connection->connected) exit(0); /* one load is all that it serves, so rooms need not forget who leaves */
        close(fd);
        return;
    }
    length += (size_t)got;
    buffer[length] = 0;
    do {
        taken += step;
        step = connection->connected ? take_frame(fd, buffer + taken, length - taken) : take_request(fd, buffer + taken, length - taken);
    } while (step);
    connection->in.length = 0;
    if (taken < length) append(&connection->in, buffer + taken, length - taken);
}

static void tell_rooms(void) {
    for (int i = 0; i < dirty_count; i++) {
        Room *room = dirty[i];
        for (int j = 0; j < room->count; j++) write_all(room->members[j], room->said.bytes, room->said.length);
        room->said.length = 0;
        room->dirty = 0;
    }
    dirty_count = 0;
}

static void take_connection(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= MAX_CONNECTIONS) exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(fd, EPOLL_CTL_ADD);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return 1;
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(0);
    watch(listener, EPOLL_CTL_ADD);
    for (struct epoll_event events[EVENTS];;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) take_connection(listener);
            else if (events[i].events & EPOLLOUT) write_rest(fd);
            else read_some(fd);
        }
        tell_rooms();
    }
}
