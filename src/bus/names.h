// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* Names under which the service is known on D-Bus: the one place that spells them. */

#define BUS_NAME             "org.blast.Blast1"
#define BUS_PATH             "/org/blast/Blast1"
#define BUS_ENVIRONMENT_PATH BUS_PATH "/environment"
#define BUS_JOB_PATH         BUS_PATH "/job"
#define BUS_MANAGER          BUS_NAME ".Manager"
#define BUS_ENVIRONMENT      BUS_NAME ".Environment"
#define BUS_JOB              BUS_NAME ".Job"
#define BUS_LOG_CONTROL      "org.freedesktop.LogControl1"
#define BUS_LOG_CONTROL_PATH "/org/freedesktop/LogControl1"
#define BUS_OBJECT_MANAGER   "org.freedesktop.DBus.ObjectManager"
#define BUS_PROPERTIES       "org.freedesktop.DBus.Properties"
#define BUS_DRIVER           "org.freedesktop.DBus"
#define BUS_DRIVER_PATH      "/org/freedesktop/DBus"
#define POLKIT_NAME          "org.freedesktop.PolicyKit1"
#define POLKIT_PATH          "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_AUTHORITY     "org.freedesktop.PolicyKit1.Authority"

/* Polkit actions; policy/org.blast.Blast1.policy gives their defaults. */
#define ACTION_OPEN    BUS_NAME ".open-project"
#define ACTION_INSPECT BUS_NAME ".inspect"
#define ACTION_CHANGE  BUS_NAME ".change-environment"
#define ACTION_RUN     BUS_NAME ".run"
#define ACTION_KILL    BUS_NAME ".kill"
#define ACTION_DELETE  BUS_NAME ".delete-environment"
#define ACTION_CANCEL  BUS_NAME ".cancel-job"
#define ACTION_COLLECT BUS_NAME ".collect"
