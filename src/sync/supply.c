// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *     WANTED ─▶ ASKED ─▶ ARRIVED ─▶ UNPACKING ─▶ UNPACKED ─▶ PUBLISHED
 *        at most 64 asked    at most one unpacker     flushed together, then one rename each,
 *        of blast-fetch      per processor            BATCH_MAX at a time
 *
 * One item per wheel. pump() moves what can be moved and is called after every event. Unpackers leave
 * their trees unflushed; when nothing is left to unpack, or a batch is full, one blast-unpack without items
 * flushes the file system once, and only then the trees become visible [14].
 *
 * The first fault ends all of it; staged trees are removed, downloads stay for the next try, except of a
 * wheel that was no good.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "environment/fail-point.h"
#include "sync/coordinator-internal.h"
#include "sync/flush.h"
#include "sync/supply.h"

enum {
        ASKED_MAX = 64,
        BATCH_MAX = 256, /* each holds a descriptor */
        UNPACKERS_MAX = 16,
};

typedef enum ItemState {
        ITEM_WANTED,
        ITEM_ASKED,
        ITEM_ARRIVED,
        ITEM_UNPACKING,
        ITEM_UNPACKED,
        ITEM_PUBLISHED,
} ItemState;

typedef struct Item {
        Supply *supply;
        const LockPackage *package;
        ItemState state;
        uint64_t done_bytes;
        uint64_t size_bytes;
        int wheel_fd;
        WorkerProcess *unpacker;
        Stage stage;
} Item;

struct Supply {
        Coordinator *coordinator;
        SupplyOrder order;
        Item *items;
        size_t n_items;
        size_t n_in[ITEM_PUBLISHED + 1]; /* items by state */
        WorkerProcess *flusher;
        bool has_ended;
};

Supply *supply_free(Supply *supply) {
        if (!supply)
                return NULL;
        fetch_client_set_callbacks(supply->order.fetcher, NULL, NULL, NULL, NULL);
        (void) worker_process_free(supply->flusher);
        for (size_t i = 0; i < supply->n_items; i++) {
                Item *item = &supply->items[i];
                (void) worker_process_free(item->unpacker);
                (void) fd_close(item->wheel_fd);
                stage_done(&item->stage);
        }
        free(supply->items);
        free(supply);
        return NULL;
}

static void set_state(Item *item, ItemState state) {
        item->supply->n_in[item->state]--;
        item->supply->n_in[state]++;
        item->state = state;
}

static void end(Supply *supply, int error, const Fault *fault) {
        if (supply->has_ended)
                return;
        supply->has_ended = true;
        supply->order.on_done(error, fault, supply->order.userdata);
}

static void tell(Supply *supply, const Item *item) {
        JobProgress progress = {
                .n_done = (uint32_t) (supply->n_in[ITEM_UNPACKED] + supply->n_in[ITEM_PUBLISHED]),
                .n_total = (uint32_t) supply->n_items,
        };

        for (size_t i = 0; i < supply->n_items; i++) {
                progress.done_bytes += supply->items[i].done_bytes;
                progress.total_bytes += supply->items[i].size_bytes;
        }
        supply->order.on_progress(
                        progress,
                        item->state >= ITEM_ARRIVED ? "unpacking" : "fetching",
                        item->package->name,
                        supply->order.userdata);
}

static int ask(Item *item) {
        const FetchRequest request = {
                .id = (uint64_t) (item - item->supply->items),
                .kind = FETCH_WHEEL,
                .url = (char *) item->package->url,
                .has_digest = true,
                .digest = item->package->digest,
                .size_max_bytes = UNPACK_SIZE_MAX_BYTES,
        };
        int r = fetch_client_ask(item->supply->order.fetcher, &request);

        if (r >= 0)
                set_state(item, ITEM_ASKED);
        return r;
}

static int pump(Supply *supply, Fault *fault);

static void step(Supply *supply) {
        _cleanup_fault_ Fault fault = {};
        int r = pump(supply, &fault);

        if (r < 0)
                end(supply, r, fault_is_set(&fault) ? &fault : NULL);
}

static void forget_download(Item *item) {
        char hex[DIGEST_HEX_SIZE], name[DIGEST_HEX_SIZE + 8];

        (void) snprintf(name, sizeof(name), "%s.whl", digest_to_hex(&item->package->digest, hex));
        (void) unlinkat(item->supply->coordinator->downloads_fd, name, 0); /* only room is lost */
}

/* What the lock says and what the wheel says of itself must be the same distribution. */
static int check_facts(const Item *item, const UnpackAnswer *answer, Fault *fault) {
        const LockPackage *package = item->package;

        if (streq(answer->name ?: "", package->name) &&
            streq(answer->version ?: "", package->version))
                return 0;
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        package->filename,
                        "'%s' says that it is %s %s, but %s %s was asked for.",
                        package->filename,
                        answer->name ?: "(nothing)",
                        answer->version ?: "",
                        package->name,
                        package->version);
}

static void
on_unpacked(WorkerProcess *worker,
            const void *data,
            size_t size,
            const Fault *ended,
            void *userdata) {
        Item *item = userdata;
        Supply *supply = item->supply;
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r = ended ? fault_copy(ended, &fault) : unpack_answer_decode(data, size, &answer);

        item->unpacker = worker_process_free(item->unpacker);
        item->wheel_fd = fd_close(item->wheel_fd);
        if (r >= 0 && ended)
                r = -EPROTO;
        else if (r >= 0 && fault_is_set(&answer.fault)) {
                r = fault_copy(&answer.fault, &fault);
                r = r < 0 ? r : -EBADMSG;
        } else if (r >= 0)
                r = check_facts(item, &answer, &fault);
        if (r < 0) {
                if (fault.code != FAULT_DISK_FULL)
                        forget_download(item);
                end(supply, r, &fault);
                return;
        }
        fail_point_reach("wheel-unpacked", false);
        item->done_bytes = item->size_bytes;
        set_state(item, ITEM_UNPACKED);
        tell(supply, item);
        step(supply);
}

static int unpack(Item *item, Fault *fault) {
        Coordinator *coordinator = item->supply->coordinator;
        UnpackRequest request = {
                .filename = (char *) item->package->filename,
                .digest = item->package->digest,
                .size_max_bytes = UNPACK_SIZE_MAX_BYTES,
                .n_files_max = UNPACK_FILES_MAX,
                .is_flushed_later = true,
        };
        char name[STORE_NAME_SIZE];
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        store_tree_name(&item->package->digest, name);
        r = store_stage(coordinator->store, STORE_TREE, name, &item->stage, fault);
        if (r < 0)
                return r;
        r = unpack_request_encode(&request, &data, &size);
        if (r < 0)
                return r;
        const int fds[] = { item->wheel_fd, item->stage.fd };
        const WorkerOrder order = {
                .name = "unpack",
                .request = data,
                .request_size = size,
                .fds = fds,
                .n_fds = ELEMENTSOF(fds),
                .memory_max_bytes = WORKER_MEMORY(
                                UNPACK_MEMORY_BYTES + item->size_bytes + UNPACK_SIZE_MAX_BYTES),
                .timeout_usec = UNPACK_TIMEOUT_USEC,
                .on_end = on_unpacked,
                .userdata = item,
        };
        r = worker_process_new(coordinator->event, &order, fault, &item->unpacker);
        if (r < 0)
                return r;
        set_state(item, ITEM_UNPACKING);
        return 0;
}

/* Everything UNPACKED was so when the flusher was started: nothing is unpacked beside it. */
static int publish(Supply *supply, Fault *fault) {
        _cleanup_(freep) Stage *stages = new0(Stage, supply->n_in[ITEM_UNPACKED] + 1);
        size_t n = 0;
        int r;

        if (!stages)
                return -ENOMEM;
        for (size_t i = 0; i < supply->n_items; i++)
                if (supply->items[i].state == ITEM_UNPACKED)
                        stages[n++] = TAKE(supply->items[i].stage, STAGE_NULL);
        r = store_publish(supply->coordinator->store, stages, n, fault);
        for (size_t i = 0; i < n; i++)
                stage_done(&stages[i]); /* empty after success */
        if (r < 0)
                return r;
        for (size_t i = 0; i < supply->n_items; i++)
                if (supply->items[i].state == ITEM_UNPACKED) {
                        set_state(&supply->items[i], ITEM_PUBLISHED);
                        forget_download(&supply->items[i]);
                }
        fail_point_reach("trees-published", false);
        return 0;
}

static void
on_flushed(WorkerProcess *worker,
           const void *data,
           size_t size,
           const Fault *ended,
           void *userdata) {
        Supply *supply = userdata;
        _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r = ended ? -EPROTO : materialise_answer_decode(data, size, &answer);

        if (ended)
                (void) !fault_copy(ended, &fault);
        else if (r >= 0 && fault_is_set(&answer.fault)) {
                (void) !fault_copy(&answer.fault, &fault);
                r = -EIO;
        }
        supply->flusher = worker_process_free(supply->flusher);
        fail_point_reach("trees-flushed", false);
        if (r >= 0)
                r = publish(supply, &fault);
        if (r < 0)
                end(supply, r, &fault);
        else
                step(supply);
}

static int flush(Supply *supply, Fault *fault) {
        return flush_start(supply->coordinator, on_flushed, supply, fault, &supply->flusher);
}

/* Whether the pipeline may go on filling: a batch that is full waits for its flush. */
static bool is_batch_full(const Supply *supply) {
        return supply->n_in[ITEM_UNPACKED] + supply->n_in[ITEM_UNPACKING] >= BATCH_MAX;
}

static int pump(Supply *supply, Fault *fault) {
        size_t n_unpackers_max =
                        MIN((size_t) supply->coordinator->n_processors, (size_t) UNPACKERS_MAX);
        int r;

        for (size_t i = 0; i < supply->n_items && !supply->flusher; i++) {
                Item *item = &supply->items[i];
                if (item->state == ITEM_ARRIVED && !is_batch_full(supply) &&
                    supply->n_in[ITEM_UNPACKING] < n_unpackers_max) {
                        r = unpack(item, fault);
                        if (r < 0)
                                return r;
                }
                if (item->state == ITEM_WANTED && supply->n_in[ITEM_ASKED] < ASKED_MAX &&
                    supply->n_in[ITEM_ARRIVED] < BATCH_MAX) {
                        r = ask(item);
                        if (r == -EAGAIN && supply->n_in[ITEM_ASKED] > 0)
                                break; /* an answer makes room */
                        if (r < 0)
                                return r;
                }
        }
        if (supply->n_in[ITEM_PUBLISHED] == supply->n_items) {
                end(supply, 0, NULL);
                return 0;
        }
        size_t n_done = supply->n_in[ITEM_UNPACKED] + supply->n_in[ITEM_PUBLISHED];
        if (!supply->flusher && supply->n_in[ITEM_UNPACKING] == 0 &&
            supply->n_in[ITEM_UNPACKED] > 0 && (n_done == supply->n_items || is_batch_full(supply)))
                return flush(supply, fault);
        return 0;
}

static void on_fetched(FetchAnswer *answer, int *body_fd, void *userdata) {
        Supply *supply = userdata;
        Item *item = answer->id < supply->n_items ? &supply->items[answer->id] : NULL;

        if (!item || item->state != ITEM_ASKED)
                return; /* not ours to have asked for */
        if (fault_is_set(&answer->fault)) {
                end(supply, -EIO, &answer->fault);
                return;
        }
        if (*body_fd < 0) {
                end(supply, -EPROTO, NULL);
                return;
        }
        fail_point_reach("wheel-fetched", false);
        item->wheel_fd = TAKE_FD(*body_fd);
        item->size_bytes = answer->size_bytes;
        item->done_bytes = answer->size_bytes;
        set_state(item, ITEM_ARRIVED);
        tell(supply, item);
        step(supply);
}

static void on_progressed(const FetchProgress *progress, void *userdata) {
        Supply *supply = userdata;
        Item *item = progress->id < supply->n_items ? &supply->items[progress->id] : NULL;

        if (!item || item->state != ITEM_ASKED)
                return;
        item->done_bytes = progress->done_bytes;
        item->size_bytes = MAX(item->size_bytes, progress->total_bytes);
        tell(supply, item);
}

static void on_lost(const Fault *fault, void *userdata) {
        end(userdata, -EPIPE, fault);
}

int supply_new(Coordinator *coordinator, const SupplyOrder *order, Fault *fault, Supply **ret) {
        _cleanup_(supply_freep) Supply *supply = new0(Supply, 1);
        int r;

        assert(order->n_packages > 0);

        if (!supply)
                return -ENOMEM;
        supply->coordinator = coordinator;
        supply->order = *order;
        supply->order.packages = NULL;
        supply->items = new0(Item, order->n_packages);
        if (!supply->items)
                return -ENOMEM;
        supply->n_items = order->n_packages;
        supply->n_in[ITEM_WANTED] = order->n_packages;
        for (size_t i = 0; i < supply->n_items; i++)
                supply->items[i] = (Item){
                        .supply = supply,
                        .package = order->packages[i],
                        .size_bytes = order->packages[i]->size_bytes,
                        .wheel_fd = -EBADF,
                        .stage = STAGE_NULL,
                };
        fetch_client_set_callbacks(order->fetcher, on_fetched, on_progressed, on_lost, supply);
        r = pump(supply, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(supply);
        return 0;
}
