// SPDX-License-Identifier: LGPL-2.1-or-later
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/catalogue-internal.h"
#include "package/catalogue.h"
#include "package/fetch-channel.h"
#include "package/name.h"

/* How it works
 *
 *   ask ──▶ task ──▶ cache good enough? ──▶ answer
 *             │ no
 *             ▼
 *          request ──▶ blast-fetch ──▶ body ──▶ parsed ──▶ cache ──▶ answer, or the next source
 *
 * A task is one question; it becomes as many requests as needed (the next index, the wheel where there is no
 * separate metadata). Requests beyond IN_FLIGHT_MAX wait here, so that a large graph never fills the
 * socket from both ends. Answers are handed out in the order in which they become ready.
 *
 * The cache is opened with the first question: a lock that is current never touches it. */

enum {
        IN_FLIGHT_MAX = 256,
        BODY_MAX = 512 * 1024 * 1024
};

static void task_free(Task *task) {
        if (!task)
                return;
        free(task->name);
        free(task->url);
        for (size_t i = 0; i < task->n_pages; i++)
                index_page_free(task->pages[i]);
        free(task->pages);
        cached_page_done(&task->stale);
        free(task);
}

void catalogue_answer_done(CatalogueAnswer *answer) {
        free(answer->name);
        for (size_t i = 0; i < answer->n_pages; i++)
                index_page_free(answer->pages[i]);
        free(answer->pages);
        metadata_free(answer->metadata);
        free(answer->refusal);
        fault_done(&answer->fault);
        *answer = (CatalogueAnswer){ .kind = CATALOGUE_RELEASES };
}

Catalogue *catalogue_free(Catalogue *catalogue) {
        if (!catalogue)
                return NULL;
        for (size_t i = 0; i < catalogue->n_tasks; i++)
                task_free(catalogue->tasks[i]);
        for (size_t i = catalogue->ready_position; i < catalogue->n_ready; i++)
                catalogue_answer_done(&catalogue->ready[i]);
        free(catalogue->tasks);
        free(catalogue->pending);
        free(catalogue->ready);
        strings_free(catalogue->warnings);
        table_free(catalogue->asked);
        arena_free(catalogue->arena);
        cache_free(catalogue->cache);
        free(catalogue);
        return NULL;
}

int catalogue_new(const CatalogueInput *input, Catalogue **ret) {
        _cleanup_(catalogue_freep) Catalogue *catalogue = new0(Catalogue, 1);
        struct timespec now;

        if (!catalogue)
                return -ENOMEM;
        catalogue->input = *input;
        catalogue->arena = arena_new();
        catalogue->asked = table_new();
        if (!catalogue->arena || !catalogue->asked)
                return -ENOMEM;
        (void) clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
        catalogue->now_usec = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
        *ret = TAKE_PTR(catalogue);
        return 0;
}

char *const *catalogue_warnings(const Catalogue *catalogue) {
        return catalogue->warnings;
}

uint64_t catalogue_next_id(const Catalogue *catalogue) {
        return catalogue->input.first_id + catalogue->n_tasks;
}

Cache *catalogue_cache(Catalogue *catalogue) {
        if (!catalogue->has_tried_cache) {
                catalogue->has_tried_cache = true;
                /* Without a cache everything is asked for again; that is slow, not wrong. */
                if (catalogue->input.cache_fd < 0 ||
                    cache_open(catalogue->input.cache_fd, &catalogue->cache) < 0)
                        catalogue->cache = NULL;
        }
        return catalogue->cache;
}

bool catalogue_is_offline(const Catalogue *catalogue) {
        return catalogue->input.offline || catalogue->input.fetch_fd < 0;
}

static int send_one(Catalogue *catalogue, const Task *task) {
        FetchRequest request = { .id = catalogue->input.first_id + task->id };

        if (task->kind == CATALOGUE_RELEASES)
                catalogue_page_request(catalogue, task, &request);
        else
                catalogue_metadata_request(catalogue, task, &request);
        /* What is not the task's own was made for this request. */
        int r = request.url ? fetch_channel_ask(catalogue->input.fetch_fd, &request) : -ENOMEM;

        free(request.url);
        return r;
}

/* Sends what waits, as far as there is room. */
static int pump(Catalogue *catalogue) {
        while (catalogue->pending_position < catalogue->n_pending &&
               catalogue->n_in_flight < IN_FLIGHT_MAX) {
                uint64_t id = catalogue->pending[catalogue->pending_position];
                int r;

                r = send_one(catalogue, catalogue->tasks[id]);
                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        return r;
                catalogue->pending_position++;
                catalogue->n_in_flight++;
        }
        if (catalogue->pending_position == catalogue->n_pending)
                catalogue->pending_position = catalogue->n_pending = 0;
        return 0;
}

int catalogue_send(Catalogue *catalogue, Task *task) {
        int r;

        r =
                        ARRAY_RESERVE(catalogue->pending,
                                      catalogue->n_pending_allocated,
                                      catalogue->n_pending + 1);
        if (r < 0)
                return r;
        catalogue->pending[catalogue->n_pending++] = task->id;
        r = pump(catalogue);
        /* A worker that is gone is found when its answer is waited for. */
        return r == -ENOMEM ? r : 0;
}

int catalogue_finish(Catalogue *catalogue, Task *task, CatalogueAnswer *answer) {
        int r;

        r = ARRAY_RESERVE(catalogue->ready, catalogue->n_ready_allocated, catalogue->n_ready + 1);
        if (r < 0)
                return r;
        answer->kind = task->kind;
        answer->name = TAKE_PTR(task->name);
        answer->version = task->version;
        catalogue->ready[catalogue->n_ready++] = *answer;
        *answer = (CatalogueAnswer){ .kind = CATALOGUE_RELEASES };
        catalogue->tasks[task->id] = NULL;
        task_free(task);
        return 0;
}

int catalogue_finish_with_fault(Catalogue *catalogue, Task *task, Fault *fault) {
        CatalogueAnswer answer = { .fault = *fault };

        *fault = (Fault){ .code = FAULT_NONE };
        return catalogue_finish(catalogue, task, &answer);
}

static int new_task(Catalogue *catalogue, CatalogueKind kind, const char *name, Task **ret) {
        Task *task;
        int r;

        r = ARRAY_RESERVE(catalogue->tasks, catalogue->n_tasks_allocated, catalogue->n_tasks + 1);
        if (r < 0)
                return r;
        task = new0(Task, 1);
        if (!task)
                return -ENOMEM;
        task->id = catalogue->n_tasks;
        task->kind = kind;
        catalogue->tasks[catalogue->n_tasks++] = task;
        task->name = string_format("%s", name);
        if (!task->name)
                return -ENOMEM;
        *ret = task;
        return 0;
}

/* 1 if the question is new. */
static int note_question(Catalogue *catalogue, const char *key) {
        const char *kept;
        int r;

        if (table_has(catalogue->asked, key))
                return 0;
        kept = arena_text(catalogue->arena, key);
        if (!kept)
                return -ENOMEM;
        r = table_add(catalogue->asked, kept, catalogue);
        return r < 0 ? r : 1;
}

int catalogue_ask_releases(Catalogue *catalogue, const char *name, const char *url, Fault *fault) {
        Task *task;
        int r;

        r = note_question(catalogue, name);
        if (r <= 0)
                return r;
        r = new_task(catalogue, CATALOGUE_RELEASES, name, &task);
        if (r < 0)
                return r;
        if (url) {
                task->url = string_format("%s", url);
                if (!task->url)
                        return -ENOMEM;
        }
        return catalogue_page_begin(catalogue, task);
}

int catalogue_ask_metadata(
                Catalogue *catalogue,
                const char *name,
                uint32_t version,
                const IndexFile *file) {
        char key[NAME_SIZE_MAX + 16];
        Task *task;
        int r;

        /* No name begins with a digit and a space. */
        (void) snprintf(key, sizeof(key), "%u %s", version, name);
        r = note_question(catalogue, key);
        if (r <= 0)
                return r;
        r = new_task(catalogue, CATALOGUE_METADATA, name, &task);
        if (r < 0)
                return r;
        task->version = version;
        task->file = file;
        return catalogue_metadata_begin(catalogue, task);
}

static int too_large(Catalogue *catalogue, Task *task) {
        Fault fault = { .code = FAULT_NONE };

        (void) fault_set(
                        &fault,
                        -EFBIG,
                        FAULT_LIMIT_EXCEEDED,
                        task->name,
                        "What the index sent for '%s' is too large to be read.",
                        task->name);
        return catalogue_finish_with_fault(catalogue, task, &fault);
}

static int take_answer(Catalogue *catalogue, FetchAnswer *answer, int body_fd) {
        const void *body = NULL;
        size_t size = 0;
        Task *task;
        int r;

        if (answer->id < catalogue->input.first_id)
                return 0;
        answer->id -= catalogue->input.first_id;
        task = answer->id < catalogue->n_tasks ? catalogue->tasks[answer->id] : NULL;
        catalogue->n_in_flight--;
        if (!task)
                return 0;
        if (body_fd >= 0) {
                struct stat info;

                if (fstat(body_fd, &info) < 0)
                        return -errno;
                size = (size_t) info.st_size;
                answer->size_bytes = size;
                body = size == 0 ? "" : mmap(NULL, size, PROT_READ, MAP_PRIVATE, body_fd, 0);
                if (body == MAP_FAILED)
                        return too_large(catalogue, task);
        }
        if (task->kind == CATALOGUE_RELEASES)
                r = catalogue_page_on_answer(catalogue, task, answer, body);
        else
                r = catalogue_metadata_on_answer(catalogue, task, answer, body);
        if (size > 0)
                (void) munmap((void *) body, size);
        return r;
}

/* Waits for one packet and works on it. Returns 0 if nothing has come. */
static int receive_one(Catalogue *catalogue, bool wait) {
        _cleanup_close_ int body_fd = -EBADF;
        FetchAnswer answer = { 0 };
        FetchProgress progress;
        int fd = catalogue->input.fetch_fd;
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        int r;

        if (catalogue->pending_position < catalogue->n_pending &&
            catalogue->n_in_flight < IN_FLIGHT_MAX)
                poll_fd.events |= POLLOUT;
        r = poll(&poll_fd, 1, wait ? -1 : 0);
        if (r < 0)
                return errno == EINTR ? 1 : -errno;
        if (r == 0)
                return 0;
        if (poll_fd.revents & POLLOUT) {
                r = pump(catalogue);
                if (r < 0)
                        return r;
        }
        if (!(poll_fd.revents & ~POLLOUT))
                return 1;
        r = fetch_channel_receive(fd, &answer, &body_fd, &progress);
        if (r == -EAGAIN || r == 0)
                return 1;
        if (r < 0)
                return r;
        r = take_answer(catalogue, &answer, body_fd);
        fetch_answer_done(&answer);
        if (r >= 0)
                r = pump(catalogue);
        return r < 0 ? r : 1;
}

static int worker_is_gone(int r, Fault *fault) {
        return fault_set(
                        fault,
                        r,
                        FAULT_WORKER_FAILED,
                        NULL,
                        "The part of Blast that talks to the index ended unexpectedly.");
}

int catalogue_receive(Catalogue *catalogue, bool wait, CatalogueAnswer *ret, Fault *fault) {
        int r;

        while (catalogue->ready_position == catalogue->n_ready) {
                if (catalogue->n_in_flight == 0 && catalogue->n_pending == 0)
                        return 0;
                r = receive_one(catalogue, wait);
                if (r < 0)
                        return r == -ENOMEM ? r : worker_is_gone(r, fault);
                if (r == 0)
                        return 0;
        }
        *ret = catalogue->ready[catalogue->ready_position++];
        if (catalogue->ready_position == catalogue->n_ready)
                catalogue->ready_position = catalogue->n_ready = 0;
        return 1;
}

int catalogue_find_digest(
                Catalogue *catalogue,
                const IndexFile *file,
                Digest *ret_digest,
                uint64_t *ret_size_bytes,
                Fault *fault) {
        _cleanup_catalogue_answer_ CatalogueAnswer answer = { 0 };
        Task *task;
        int r;

        r = new_task(catalogue, CATALOGUE_METADATA, file->filename, &task);
        if (r < 0)
                return r;
        task->file = file;
        task->stage = WANTS_WHEEL;
        task->wants_digest = true;
        r = catalogue_metadata_begin(catalogue, task);
        /* What was asked ahead may come first; it is of no use any more. */
        while (r >= 0) {
                catalogue_answer_done(&answer);
                r = catalogue_receive(catalogue, true, &answer, fault);
                if (r == 0)
                        r = -EPIPE;
                if (r > 0 && streq(answer.name, file->filename))
                        break;
        }
        if (r < 0)
                return r;
        if (fault_is_set(&answer.fault)) {
                r = fault_copy(&answer.fault, fault);
                return r < 0 ? r : -EIO;
        }
        *ret_digest = catalogue->digest;
        *ret_size_bytes = catalogue->digest_size_bytes;
        return 0;
}
