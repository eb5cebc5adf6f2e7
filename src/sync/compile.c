// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/digest.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "config.h"
#include "sync/compile.h"
#include "sync/coordinator-internal.h"
#include "sync/flush.h"

struct Compile {
        Coordinator *coordinator;
        Stage stages[COMPILE_TREES_MAX];
        size_t n_stages;
        WorkerProcess *worker; /* the compiler, then the one that flushes */
        void (*on_done)(const Fault *fault, void *userdata);
        void *userdata;
};

Compile *compile_free(Compile *compile) {
        if (!compile)
                return NULL;
        (void) worker_process_free(compile->worker);
        for (size_t i = 0; i < compile->n_stages; i++)
                stage_done(&compile->stages[i]);
        free(compile);
        return NULL;
}

int compile_bytecode_name(
                const GenerationRecord *record,
                const Digest *tree,
                char *ret_name,
                size_t size) {
        Digest interpreter;
        int r;

        assert(size >= STORE_NAME_SIZE);

        r = digest_of_bytes(
                        record->python_signature, strlen(record->python_signature), &interpreter);
        return r < 0 ? r : store_bytecode_name(tree, record->python_tag, &interpreter, ret_name);
}

static int open_compiler(void) {
        static const char *const paths[] = {
                BLAST_DEVELOPER ? BLAST_SOURCE_DIR "/python/blast/compile.py" : "",
                BLAST_DATA_DIR "/python/blast/compile.py",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                int fd = *paths[i] ? open(paths[i], O_RDONLY | O_CLOEXEC) : -1;
                if (fd >= 0)
                        return fd;
        }
        return -ENOENT;
}

static void
on_flushed(WorkerProcess *worker,
           const void *answer,
           size_t answer_size,
           const Fault *ended,
           void *userdata) {
        Compile *compile = userdata;
        _cleanup_fault_ Fault fault = {};
        int r;

        compile->worker = worker_process_free(compile->worker);
        r = ended ? 0
                  : store_publish(compile->coordinator->store,
                                  compile->stages,
                                  compile->n_stages,
                                  &fault);
        if (r < 0)
                (void) fault_set(&fault, r, FAULT_INTERNAL, NULL, "Bytecode cannot be published.");
        compile->on_done(ended ?: fault_is_set(&fault) ? &fault : NULL, compile->userdata);
}

static void
on_compiled(WorkerProcess *worker,
            const void *answer,
            size_t answer_size,
            const Fault *ended,
            void *userdata) {
        Compile *compile = userdata;
        _cleanup_fault_ Fault fault = {};

        compile->worker = worker_process_free(compile->worker);
        if (ended ||
            flush_start(compile->coordinator, on_flushed, compile, &fault, &compile->worker) < 0)
                compile->on_done(ended ?: &fault, compile->userdata);
}

/* What the trees need: their site-packages to read, staging directories to write. */
typedef struct Room {
        int source_fds[COMPILE_TREES_MAX];
        HelperDirectory directories[2 * COMPILE_TREES_MAX];
        char *argv[2 * COMPILE_TREES_MAX + 5];
        size_t n;
        size_t n_words;
} Room;

enum {
        WORDS_FIXED = 4 /* python -I -S - */
};

static void room_done(Room *room) {
        for (size_t i = 0; i < room->n; i++)
                (void) fd_close(room->source_fds[i]);
        for (size_t i = WORDS_FIXED; i < room->n_words; i++)
                free(room->argv[i]);
}

static int add_word(Room *room, int directory_fd) {
        int r = directory_path(directory_fd, &room->argv[room->n_words]);

        room->n_words += r >= 0;
        return r;
}

static int add_tree(Compile *compile, const CompileOrder *order, const Digest *tree, Room *room) {
        Store *store = compile->coordinator->store;
        Stage *stage = &compile->stages[compile->n_stages];
        char path[STORE_NAME_SIZE + sizeof("/site-packages")], name[STORE_NAME_SIZE];
        int r;

        store_tree_name(tree, name);
        (void) snprintf(path, sizeof(path), "%s/site-packages", name);
        int source_fd = file_open_beneath(
                        store_get_directory(store, STORE_TREE), path, O_RDONLY | O_DIRECTORY, 0);
        if (source_fd < 0)
                return source_fd;
        room->source_fds[room->n++] = source_fd;

        r = compile_bytecode_name(order->record, tree, name, sizeof(name));
        if (r < 0)
                return r;
        r = store_stage(store, STORE_BYTECODE, name, stage, NULL);
        if (r < 0)
                return r;
        compile->n_stages++;
        room->directories[2 * room->n - 2] = (HelperDirectory){ source_fd, false };
        room->directories[2 * room->n - 1] = (HelperDirectory){ stage->fd, true };
        r = add_word(room, source_fd);
        return r < 0 ? r : add_word(room, stage->fd);
}

static int start(Compile *compile, const CompileOrder *order, Fault *fault) {
        _cleanup_close_ int script = open_compiler();
        /* The file itself, as in the probe: links may lie where the sandbox shows nothing. */
        _cleanup_(freep) char *python = realpath(order->record->python_path, NULL);
        _cleanup_(room_done) Room room = {
                .argv = { python, (char *) "-I", (char *) "-S", (char *) "-" },
                .n_words = WORDS_FIXED,
        };
        char *const paths[] = { order->record->python_prefix, NULL };
        Child child;
        int r;

        if (script < 0)
                return script;
        if (!python)
                return -errno;
        for (size_t i = 0; i < order->n_trees; i++) {
                r = add_tree(compile, order, order->trees[i], &room);
                if (r < 0)
                        return r;
        }
        const HelperSpec spec = {
                .argv = room.argv,
                .home = secure_getenv("HOME"),
                .read_only_paths = paths,
                .directories = room.directories,
                .n_directories = 2 * room.n,
                .stdio = { script, -EBADF, -EBADF },
                .cpu_max_sec = COMPILE_TIMEOUT_USEC / USEC_PER_SEC,
        };
        r = helper_start(&spec, &child, fault);
        if (r < 0)
                return r;
        const WorkerOrder helper = {
                .name = "the bytecode compiler",
                .timeout_usec = COMPILE_TIMEOUT_USEC,
                .on_end = on_compiled,
                .userdata = compile,
        };
        return helper_process_new(compile->coordinator->event, &helper, child, &compile->worker);
}

int compile_new(Coordinator *coordinator, const CompileOrder *order, Fault *fault, Compile **ret) {
        _cleanup_(compile_freep) Compile *compile = new0(Compile, 1);
        int r;

        assert(order->n_trees <= COMPILE_TREES_MAX);

        if (!compile)
                return -ENOMEM;
        compile->coordinator = coordinator;
        compile->on_done = order->on_done;
        compile->userdata = order->userdata;
        r = start(compile, order, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(compile);
        return 0;
}
