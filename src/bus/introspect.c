// SPDX-License-Identifier: LGPL-2.1-or-later

#include <string.h>

#include "bus/environment-object.h"
#include "bus/introspect.h"
#include "bus/job-object.h"
#include "bus/manager-object.h"
#include "bus/names.h"

/* Length of the first complete type of a signature that sd-bus has accepted. */
static size_t type_length(const char *signature) {
        size_t depth = 0, length = 0;

        while (signature[length] == 'a')
                length++;
        do {
                char c = signature[length++];

                depth += c == '(' || c == '{';
                depth -= c == ')' || c == '}';
        } while (depth > 0);
        return length;
}

/* Writes one <arg> per type; @names is a row of terminated names. Returns the name after them. */
static const char *
add_arguments(Builder *builder, const char *signature, const char *names, const char *direction) {
        while (signature && *signature) {
                size_t length = type_length(signature);

                builder_add(builder, "   <arg");
                if (names && *names) {
                        builder_add_format(builder, " name=\"%s\"", names);
                        names += strlen(names) + 1;
                }
                builder_add_format(builder, " type=\"%.*s\"", (int) length, signature);
                if (direction)
                        builder_add_format(builder, " direction=\"%s\"", direction);
                builder_add(builder, "/>\n");
                signature += length;
        }
        return names;
}

static void add_member(Builder *builder, const sd_bus_vtable *entry) {
        const char *names;

        switch (entry->type) {
        case _SD_BUS_VTABLE_METHOD:
                builder_add_format(builder, "  <method name=\"%s\">\n", entry->x.method.member);
                names = add_arguments(
                                builder, entry->x.method.signature, entry->x.method.names, "in");
                (void) add_arguments(builder, entry->x.method.result, names, "out"); /* the last */
                builder_add(builder, "  </method>\n");
                break;
        case _SD_BUS_VTABLE_SIGNAL:
                builder_add_format(builder, "  <signal name=\"%s\">\n", entry->x.signal.member);
                (void) add_arguments(/* the last */
                                     builder,
                                     entry->x.signal.signature,
                                     entry->x.signal.names,
                                     NULL);
                builder_add(builder, "  </signal>\n");
                break;
        case _SD_BUS_VTABLE_PROPERTY:
        case _SD_BUS_VTABLE_WRITABLE_PROPERTY:
                builder_add_format(
                                builder,
                                "  <property name=\"%s\" type=\"%s\" access=\"%s\"/>\n",
                                entry->x.property.member,
                                entry->x.property.signature,
                                entry->type == _SD_BUS_VTABLE_PROPERTY ? "read" : "readwrite");
                break;
        default:
                break;
        }
}

void introspect_interface(Builder *builder, const char *interface, const sd_bus_vtable *vtable) {
        builder_add_format(builder, " <interface name=\"%s\">\n", interface);
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                add_member(builder, entry);
        builder_add(builder, " </interface>\n");
}

int introspect_all(char **ret) {
        _cleanup_builder_ Builder builder = {};

        builder_add(&builder,
                    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\" "
                    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n");
        introspect_interface(&builder, BUS_MANAGER, manager_vtable);
        introspect_interface(&builder, BUS_ENVIRONMENT, environment_vtable);
        introspect_interface(&builder, BUS_JOB, job_vtable);
        builder_add(&builder, "</node>\n");
        return builder_finish(&builder, ret);
}
