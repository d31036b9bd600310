/* The adapters against the real thing: Kafka and Redis as the environment names them, a registry and an HTTP
 * server of their own. tests/suites starts the services. */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

int tap_count, tap_failed;

int main(int argc, char **argv)
{
    const char *kafka = getenv("KAFKA"), *redis = getenv("REDIS");
    if (argc == 4 && strcmp(argv[1], "zombie") == 0)
        return zombie_main(argv[2], argv[3]);
    const char *only = argc > 1 ? argv[1] : "";
    if (*only == '\0' || strcmp(only, "log") == 0)
        test_log();
    if (*only == '\0' || strcmp(only, "system") == 0)
        test_system();
    if (*only == '\0' || strcmp(only, "http") == 0)
        test_http();
    if (*only == '\0' || strcmp(only, "threads") == 0)
        test_threads();
    if (*only == '\0' || strcmp(only, "registry") == 0)
        test_registry(getenv("REGISTRY"));
    if (*only == '\0' || strcmp(only, "redis") == 0) {
        if (redis != NULL)
            test_redis(redis, getenv("REDIS_SOCKET"));
        else
            SKIP("redis: REDIS=redis://host:port names none");
    }
    if (*only == '\0' || strcmp(only, "kafka") == 0) {
        if (kafka != NULL)
            test_kafka(kafka);
        else
            SKIP("kafka: KAFKA=host:port names none");
    }
    printf("1..%d\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}
