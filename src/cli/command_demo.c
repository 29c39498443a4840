#include "cli/commands_internal.h"
#include "demo/demo.h"

const struct command command_demo = {
    .name = "demo",
    .arguments = "[--keep [--asking SECONDS]] [--dir FOLDER]",
    .summary = "show it at work: two communities, a hospital and a clinic, step by step",
    .text =
        "Makes two communities that recognise one another, with a hospital that holds records and a clinic that asks for them, each with a "
        "gateway process of its own, and walks through refusal, consent, release by field, withdrawal and damage, checking each step. "
        "Leaves nothing running.\n"
        "With --keep it stays up until SIGTERM, prints where the hospital's pages and console are, with a code to sign in with for each, and writes "
        "FOLDER/demo.json for programs that want to try it. With --asking the clinic asks for the person's record every so many seconds.",
    .examples = "comity demo\n"
                "comity demo --keep --asking 10\n"
                "comity demo --keep --dir /tmp/demo",
    .run_raw = demo_run,
};
