#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/metrics.h"

static struct metric permitted = {
    .name = "comity_test_exchanges_total", .labels = "result=\"permit\"", .help = "Exchanges.", .kind = METRIC_COUNTER
};
static struct metric refused = {
    .name = "comity_test_exchanges_total", .labels = "result=\"refuse\"", .help = "Exchanges.", .kind = METRIC_COUNTER
};
static struct metric connections = { .name = "comity_test_connections", .labels = "", .help = "Open connections.", .kind = METRIC_GAUGE };
static struct metric duration = { .name = "comity_test_duration_seconds", .labels = "", .help = "How long.", .kind = METRIC_HISTOGRAM };
static struct metric labelled = {
    .name = "comity_test_labelled_seconds", .labels = "side=\"holder\"", .help = "How long.", .kind = METRIC_HISTOGRAM
};

static void text_is_as_prometheus_reads_it(void **state) /* exposition format 0.0.4 */
{
    struct buffer out;
    (void)state;
    metric_register(&permitted);
    metric_register(&duration);
    metric_register(&connections);
    metric_register(&refused); /* of a family that is there: it is put beside the other */
    metric_register(&labelled);
    metric_register(&permitted); /* again: no second line */
    metric_add(&permitted, 5);
    metric_add(&permitted, 2);
    metric_set(&connections, 12);
    metric_add(&connections, -2);
    metric_observe_us(&duration, 50);
    metric_observe_us(&duration, 51);
    metric_observe_us(&duration, 11000000);
    metric_observe_us(&labelled, 1000000);
    buffer_init(&out, 65536);
    metrics_write(&out);
    buffer_append_u8(&out, '\0');
    assert_string_equal((const char *)out.data, "# HELP comity_test_connections Open connections.\n"
                                                "# TYPE comity_test_connections gauge\n"
                                                "comity_test_connections 10\n"
                                                "# HELP comity_test_duration_seconds How long.\n"
                                                "# TYPE comity_test_duration_seconds histogram\n"
                                                "comity_test_duration_seconds_bucket{le=\"5e-05\"} 1\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.0001\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.00025\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.0005\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.001\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.0025\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.005\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.01\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.025\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.05\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.1\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"0.25\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"1\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"2.5\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"10\"} 2\n"
                                                "comity_test_duration_seconds_bucket{le=\"+Inf\"} 3\n"
                                                "comity_test_duration_seconds_sum 11.000101\n"
                                                "comity_test_duration_seconds_count 3\n"
                                                "# HELP comity_test_exchanges_total Exchanges.\n"
                                                "# TYPE comity_test_exchanges_total counter\n"
                                                "comity_test_exchanges_total{result=\"permit\"} 7\n"
                                                "comity_test_exchanges_total{result=\"refuse\"} 0\n"
                                                "# HELP comity_test_labelled_seconds How long.\n"
                                                "# TYPE comity_test_labelled_seconds histogram\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"5e-05\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.0001\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.00025\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.0005\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.001\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.0025\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.005\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.01\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.025\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.05\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.1\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"0.25\"} 0\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"1\"} 1\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"2.5\"} 1\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"10\"} 1\n"
                                                "comity_test_labelled_seconds_bucket{side=\"holder\",le=\"+Inf\"} 1\n"
                                                "comity_test_labelled_seconds_sum{side=\"holder\"} 1.000000\n"
                                                "comity_test_labelled_seconds_count{side=\"holder\"} 1\n");
    buffer_clear(&out);
}

static void *count_often(void *context)
{
    (void)context;
    for (int i = 0; i < 10000; i++) {
        metric_add(&refused, 1);
        metric_observe_us(&labelled, 10);
        if (i % 1000 == 0) {
            struct buffer out;
            buffer_init(&out, 65536);
            metrics_write(&out);
            buffer_clear(&out);
        }
    }
    return NULL;
}

static void no_count_is_lost_between_threads(void **state)
{
    pthread_t threads[4];
    int64_t before = refused.value;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_often, NULL), 0);
    }
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(refused.value - before, 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_as_prometheus_reads_it),
        cmocka_unit_test(no_count_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
