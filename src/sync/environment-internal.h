// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The inside of an environment, for the files of this folder. */

#include "environment/guarantee.h"
#include "environment/launch.h"
#include "sync/environment.h"
#include "sync/job.h"
#include "sync/remover.h"
#include "sync/signature.h"
#include "sync/worker-process.h"

typedef struct Background Background;
typedef struct Run Run;

struct Environment {
        Coordinator *coordinator;
        EnvironmentRecord *record; /* the registry's */
        char *current_path;        /* <state>/environments/<id>/current */
        char *prefix; /* sys.prefix: <project>/.venv, or current_path where that is taken */

        uint32_t number;     /* of the current generation; 0: none */
        bool has_generation; /* the next four are of it */
        GenerationRecord generation;
        int generation_fd;
        Lock *lock;
        Signature *signature;     /* NULL: not known */
        Fault load_fault;         /* why there is none although there should be */
        uint64_t trees_seen_nsec; /* mtime of trees/ when all trees of it were there */

        Job **queue; /* the first one works */
        size_t n_queue;
        size_t n_queue_allocated;
        Job *handed_over; /* ended; the next job waits until its caller has written its files */
        uint64_t handed_over_usec;
        sd_event_source *hand_over_timer;

        Remover sweeper;      /* removes what crashes and old generations left; jobs wait for it */
        Remover copy_sweeper; /* removes what crashes left of copies; nobody waits for it */
        Background *background; /* bytecode and the copy for editors; NULL: nothing is made */
        VenvState venv_state;

        Run **runs;
        size_t n_runs;
        size_t n_runs_allocated;
        GenerationMounts mounts; /* of @mounted_number; kept between runs */
        uint32_t mounted_number;
        Guarantees guarantees; /* as the last run read them back */
};

_must_use_ int
environment_new(Coordinator *coordinator, EnvironmentRecord *record, Environment **ret);
Environment *environment_free(Environment *environment);

/* Reads what the disk says of the current generation. A record that cannot be read is kept as
 * load_fault and is no error. */
_must_use_ int environment_reload(Environment *environment);
/* Decides the prefix anew: the project may have moved, .venv may have been made by somebody else. */
_must_use_ int environment_follow_project(Environment *environment);
/* Whether <project>/.venv leads to the current generation now. */
bool environment_is_linked(const Environment *environment);

/* Hides and removes generations beyond the newest @n_max that nothing uses. */
void environment_collect_generations(Environment *environment, uint32_t n_max);
/* Starts the removal of what starts with a dot in generations/. */
void environment_sweep(Environment *environment);
void environment_set_venv_state(Environment *environment, VenvState state);
/* Whether a run or a mount holds generation @number. */
bool environment_uses_generation(const Environment *environment, uint32_t number);

DEFINE_CLEANUP(Environment, environment_free)
