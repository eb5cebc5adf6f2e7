// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   blastd ─────── socket 4 ──┐                      ┌── http, https
 *   blast-resolve ─ socket 6 ─┴▶ Peer ──▶ Fetcher ──▶┤
 *                               ▲  one Order each    └── file://, download directory (5)
 *                               └── answers and progress, in the order in which they are ready
 *
 * The request (3) is the IndexSettings; everything else arrives as FetchRequest packets. A peer that closes its
 * socket cancels its orders; without peers the worker ends. An answer that the socket has no room for waits
 * in the peer's queue, and as long as one waits, or ORDERS_MAX are under way, no new request is read from
 * that peer: nobody can make us hold more. Progress is never queued.
 *
 * No body is looked into here. That a page is JSON or evil is found out by who has no network. */

#include <curl/curl.h>
#include <fcntl.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-event.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "package/fetch.h"
#include "package/request.h"
#include "package/url.h"
#include "worker/worker.h"

enum {
        FD_DOWNLOADS = WORKER_FD_FIRST,
        FD_RESOLVER = WORKER_FD_FIRST + 1,
        ORDERS_MAX = 1024, /* of one peer, under way */
};

typedef struct FetchService FetchService;
typedef struct Peer Peer;

/* A request that is under way. */
typedef struct Order {
        Peer *peer;
        Fetch *fetch;
        TAILQ_ENTRY(Order) link;
} Order;

/* An answer that waits for room in the socket. */
typedef struct Letter {
        void *packet;
        size_t size_bytes;
        int body_fd;
        TAILQ_ENTRY(Letter) link;
} Letter;

struct Peer {
        FetchService *service;
        int fd; /* borrowed: descriptors 4 and 6 live as long as the process */
        sd_event_source *source;
        TAILQ_HEAD(, Order) orders;
        size_t n_orders;
        TAILQ_HEAD(, Letter) letters;
};

struct FetchService {
        IndexSettings settings;
        sd_event *event;
        Fetcher *fetcher;
        Peer peers[2];
        size_t n_peers; /* still there */
};

static Letter *letter_free(Letter *letter) {
        fd_close(letter->body_fd);
        free(letter->packet);
        free(letter);
        return NULL;
}

/* Cancels everything and forgets the peer; the last one ends the worker. */
static void peer_leave(Peer *peer) {
        FetchService *service = peer->service;

        if (!peer->source)
                return;
        peer->source = sd_event_source_disable_unref(peer->source);
        (void) shutdown(peer->fd, SHUT_RDWR); /* one that spoke nonsense is still there */
        while (!TAILQ_EMPTY(&peer->orders)) {
                Order *order = TAILQ_FIRST(&peer->orders);
                TAILQ_REMOVE(&peer->orders, order, link);
                fetch_free(order->fetch);
                free(order);
        }
        while (!TAILQ_EMPTY(&peer->letters)) {
                Letter *letter = TAILQ_FIRST(&peer->letters);
                TAILQ_REMOVE(&peer->letters, letter, link);
                letter_free(letter);
        }
        if (--service->n_peers == 0)
                (void) sd_event_exit(service->event, 0);
}

/* Listens for what the peer's state allows. */
static void peer_update_events(Peer *peer) {
        bool is_waiting = !TAILQ_EMPTY(&peer->letters);
        uint32_t events = is_waiting ? EPOLLOUT : peer->n_orders < ORDERS_MAX ? EPOLLIN : 0;

        if (peer->source)
                (void) sd_event_source_set_io_events(peer->source, events);
}

/* Sends what waits. Errors: -EPIPE and the like, the peer is gone. */
static int peer_flush(Peer *peer) {
        Letter *letter;
        int r;

        while ((letter = TAILQ_FIRST(&peer->letters))) {
                r =
                                channel_send(peer->fd,
                                             letter->packet,
                                             letter->size_bytes,
                                             &letter->body_fd,
                                             letter->body_fd >= 0 ? 1 : 0);
                if (r == -EAGAIN)
                        break;
                if (r < 0)
                        return r;
                TAILQ_REMOVE(&peer->letters, letter, link);
                letter_free(letter);
        }
        peer_update_events(peer);
        return 0;
}

static int peer_answer(Peer *peer, const FetchAnswer *answer, int *body_fd) {
        _cleanup_(freep) void *packet = NULL;
        Letter *letter;
        size_t size;
        int r;

        r = fetch_answer_encode(answer, &packet, &size);
        if (r < 0)
                return r;
        letter = new0(Letter, 1);
        if (!letter)
                return -ENOMEM;
        *letter = (Letter){
                .packet = TAKE_PTR(packet),
                .size_bytes = size,
                .body_fd = answer->has_body ? TAKE_FD(*body_fd) : -EBADF,
        };
        TAILQ_INSERT_TAIL(&peer->letters, letter, link);
        return peer_flush(peer);
}

static void on_fetch_done(FetchAnswer *answer, int *body_fd, void *userdata) {
        Order *order = userdata;
        Peer *peer = order->peer;

        TAILQ_REMOVE(&peer->orders, order, link);
        peer->n_orders--;
        free(order);
        if (peer_answer(peer, answer, body_fd) < 0)
                peer_leave(peer);
}

static void on_fetch_progress(const FetchProgress *progress, void *userdata) {
        const Order *order = userdata;
        _cleanup_(freep) void *packet = NULL;
        size_t size;

        if (!TAILQ_EMPTY(&order->peer->letters) ||
            fetch_progress_encode(progress, &packet, &size) < 0)
                return;
        if (channel_send(order->peer->fd, packet, size, NULL, 0) < 0)
                return; /* only news; a peer that is gone is noticed by its socket */
}

static int peer_start(Peer *peer, const FetchRequest *request) {
        Order *order = new0(Order, 1);
        int r;

        if (!order)
                return -ENOMEM;
        order->peer = peer;
        r =
                        fetcher_start(peer->service->fetcher,
                                      request,
                                      &(FetchCallbacks){
                                                      .on_done = on_fetch_done,
                                                      .on_progress = on_fetch_progress,
                                                      .userdata = order,
                                      },
                                      &order->fetch);
        if (r < 0) {
                free(order);
                return r;
        }
        TAILQ_INSERT_TAIL(&peer->orders, order, link);
        peer->n_orders++;
        return 0;
}

/* Reads one request. Errors: the peer is gone, or does not speak as it should. */
static int peer_read(Peer *peer) {
        _cleanup_(fetch_request_done) FetchRequest request = {};
        _cleanup_(freep) uint8_t *packet = new (uint8_t, CHANNEL_PACKET_MAX);
        size_t n_fds;
        ssize_t n;
        int r;

        if (!packet)
                return -ENOMEM;
        n = channel_receive(peer->fd, packet, CHANNEL_PACKET_MAX, NULL, 0, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0)
                return n < 0 ? (int) n : -EPIPE;
        r = fetch_request_decode(packet, (size_t) n, &request);
        if (r < 0) {
                log_error("blast-fetch: a request cannot be read: %s.", strerror(-r));
                return r;
        }
        return peer_start(peer, &request);
}

static int on_peer(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Peer *peer = userdata;
        int r = 0;

        if (events & EPOLLOUT)
                r = peer_flush(peer);
        if (r >= 0 && events & EPOLLIN)
                r = peer_read(peer);
        else if (r >= 0 && events & (EPOLLHUP | EPOLLERR))
                r = -EPIPE;
        if (r < 0)
                peer_leave(peer);
        else
                peer_update_events(peer);
        return 0;
}

static int service_add_peer(FetchService *service, int fd) {
        Peer *peer = service->peers + service->n_peers;
        struct stat status;
        int flags, r;

        /* blastd may work without a resolver: then that descriptor is absent. */
        if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
                return 0;
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        peer->service = service;
        peer->fd = fd;
        TAILQ_INIT(&peer->orders);
        TAILQ_INIT(&peer->letters);
        r = sd_event_add_io(service->event, &peer->source, fd, EPOLLIN, on_peer, peer);
        if (r < 0)
                return r;
        service->n_peers++;
        return 0;
}

/* What libcurl, OpenSSL and the name service of the C library read. */
static int allow_system_files(ConfineRules *rules) {
        static const char *const paths[] = {
                "/etc/ca-certificates",
                "/etc/gai.conf",
                "/etc/host.conf",
                "/etc/hosts",
                "/etc/ld.so.cache",
                "/etc/nsswitch.conf",
                "/etc/pki",
                "/etc/resolv.conf",
                "/etc/services",
                "/etc/ssl",
                "/lib",
                "/lib64",
                "/run/systemd/resolve",
                "/usr/lib",
                "/usr/lib64",
                "/usr/local/share/ca-certificates",
                "/usr/share/ca-certificates",
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(paths); i++)
                r = confine_allow_path(rules, paths[i]);
        return r;
}

static int allow_variable(ConfineRules *rules, const char *name) {
        const char *path = getenv(name);

        return path && path[0] == '/' ? confine_allow_path(rules, path) : 0;
}

static int allow_file_url(ConfineRules *rules, const char *url) {
        _cleanup_(freep) char *path = NULL;
        int r;

        if (!url || !url_has_scheme(url, "file"))
                return 0;
        r = url_to_path(url, &path);
        if (r == -EINVAL)
                return 0; /* the request for it will say so */
        return r < 0 ? r : confine_allow_path(rules, path);
}

static int allow_settings_files(ConfineRules *rules, const IndexSettings *settings) {
        int r;

        r = settings->certificate_file ? confine_allow_path(rules, settings->certificate_file) : 0;
        if (r >= 0)
                r = allow_variable(rules, "SSL_CERT_FILE");
        if (r >= 0)
                r = allow_variable(rules, "SSL_CERT_DIR");
        if (r >= 0)
                r = allow_file_url(rules, settings->index_url);
        FOREACH_TEXT(url, settings->extra_index_urls) {
                if (r >= 0)
                        r = allow_file_url(rules, url);
        }
        FOREACH_TEXT(url, settings->find_links) {
                if (r >= 0)
                        r = allow_file_url(rules, url);
        }
        return r;
}

static int
fetch_prepare(const void *request, size_t size_bytes, ConfineRules *rules, void **ret_state) {
        FetchService *service = new0(FetchService, 1);
        int r;

        if (!service)
                return -ENOMEM;
        *ret_state = service;
        r = index_settings_decode(request, size_bytes, &service->settings);
        if (r >= 0)
                r = allow_system_files(rules);
        if (r >= 0)
                r = allow_settings_files(rules, &service->settings);
        if (r >= 0)
                r = confine_allow_writing(rules, FD_DOWNLOADS);
        /* OpenSSL reads its configuration once, from wherever it was built to. */
        if (r >= 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                r = -ENOMEM;
        return r;
}

static int fetch_run(void *state, void **ret_answer, size_t *ret_size_bytes) {
        FetchService *service = state;
        int r;

        r = sd_event_new(&service->event);
        if (r < 0)
                return r;
        r = fetcher_new(service->event, &service->settings, FD_DOWNLOADS, &service->fetcher);
        if (r < 0)
                return r;
        r = service_add_peer(service, WORKER_FD_ANSWER);
        if (r < 0)
                return r;
        r = service_add_peer(service, FD_RESOLVER);
        if (r < 0)
                return r;
        if (service->n_peers == 0)
                return -ENOTSOCK;
        r = sd_event_loop(service->event);
        return r < 0 ? r : 0;
}

static void fetch_done(void *state) {
        FetchService *service = state;

        if (!service)
                return;
        for (size_t i = 0; i < ELEMENTSOF(service->peers); i++)
                peer_leave(service->peers + i);
        fetcher_free(service->fetcher);
        sd_event_unref(service->event);
        index_settings_done(&service->settings);
        free(service);
}

int main(int argc, char **argv) {
        static const WorkerRole role = {
                .name = "blast-fetch",
                .uses_network = true,
                .writes_files = true,
                .prepare = fetch_prepare,
                .run = fetch_run,
                .done = fetch_done,
        };

        return worker_main(&role, argc, argv);
}
