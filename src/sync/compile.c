// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "config.h"
#include "sync/compile.h"
#include "sync/coordinator-internal.h"

struct Compile {
        Coordinator *coordinator;
        Stage stage;
        WorkerProcess *helper;
        void (*on_done)(const Fault *fault, void *userdata);
        void *userdata;
};

Compile *compile_free(Compile *compile) {
        if (!compile)
                return NULL;
        (void) worker_process_free(compile->helper);
        stage_done(&compile->stage);
        free(compile);
        return NULL;
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
on_end(WorkerProcess *worker,
       const void *answer,
       size_t answer_size,
       const Fault *ended,
       void *userdata) {
        Compile *compile = userdata;
        _cleanup_fault_ Fault fault = {};

        compile->helper = worker_process_free(compile->helper);
        if (!ended && store_publish(compile->coordinator->store, &compile->stage, 1, &fault) < 0)
                (void) fault_set(
                                &fault,
                                -EIO,
                                FAULT_INTERNAL,
                                NULL,
                                "Bytecode cannot be published.");
        compile->on_done(ended ?: fault_is_set(&fault) ? &fault : NULL, compile->userdata);
}

static int start(Compile *compile, const CompileOrder *order, Fault *fault) {
        _cleanup_close_ int script = open_compiler(), source = -EBADF;
        _cleanup_(freep) char *from = NULL, *to = NULL;
        char path[STORE_NAME_SIZE + sizeof("/site-packages")], name[STORE_NAME_SIZE];
        Child child;
        int r;

        if (script < 0)
                return script;
        store_tree_name(order->tree, name);
        (void) snprintf(path, sizeof(path), "%s/site-packages", name);
        source = file_open_beneath(
                        store_get_directory(compile->coordinator->store, STORE_TREE),
                        path,
                        O_RDONLY | O_DIRECTORY,
                        0);
        if (source < 0)
                return source;
        r = store_stage(compile->coordinator->store,
                        STORE_BYTECODE,
                        order->name,
                        &compile->stage,
                        fault);
        if (r < 0)
                return r;
        r = directory_path(source, &from);
        if (r >= 0)
                r = directory_path(compile->stage.fd, &to);
        if (r < 0)
                return r;

        char *const argv[] = {
                (char *) order->python_path,
                (char *) "-I",
                (char *) "-S",
                (char *) "-",
                from,
                to,
                NULL,
        };
        char *const paths[] = { (char *) order->python_prefix, NULL };
        const HelperDirectory directories[] = { { source, false }, { compile->stage.fd, true } };
        const HelperSpec spec = {
                .argv = argv,
                .home = secure_getenv("HOME"),
                .read_only_paths = paths,
                .directories = directories,
                .n_directories = ELEMENTSOF(directories),
                .stdio = { script, -EBADF, -EBADF },
                .cpu_max_sec = COMPILE_TIMEOUT_USEC / USEC_PER_SEC,
        };
        r = helper_start(&spec, &child, fault);
        if (r < 0)
                return r;
        return helper_process_new(
                        compile->coordinator->event,
                        "the bytecode compiler",
                        child,
                        COMPILE_TIMEOUT_USEC,
                        on_end,
                        compile,
                        &compile->helper);
}

int compile_new(Coordinator *coordinator, const CompileOrder *order, Fault *fault, Compile **ret) {
        _cleanup_(compile_freep) Compile *compile = new0(Compile, 1);
        int r;

        if (!compile)
                return -ENOMEM;
        *compile = (Compile){
                .coordinator = coordinator,
                .stage = STAGE_NULL,
                .on_done = order->on_done,
                .userdata = order->userdata,
        };
        r = start(compile, order, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(compile);
        return 0;
}
