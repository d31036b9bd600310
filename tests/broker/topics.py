#!/usr/bin/python3
"""Topics on the broker named by $KAFKA, for tests and the demo.

  topics.py ready [SECONDS]                        wait until the broker answers
  topics.py create PARTITIONS NAME[,key=value]…    create topics (which must not exist yet)
  topics.py delete NAME…
  topics.py end NAME…                              sum of the partitions' high watermarks, one a line
"""
import os
import sys
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


def wait_ready(admin, seconds):
    deadline = time.monotonic() + seconds
    while True:
        try:
            admin.list_topics(timeout=1)
            return
        except KafkaException as error:
            if time.monotonic() > deadline:
                sys.exit(f"the broker {os.environ['KAFKA']} did not answer in {seconds} s: {error}")


def end_of(consumer, name, partition):
    """The high watermark; a partition that was just created may not have its leader yet."""
    for attempt in range(100):
        try:
            return consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)[1]
        except KafkaException:
            if attempt == 99:
                raise
            time.sleep(0.1)


def finish(futures):
    for future in futures.values():
        future.result(30)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    command, args = sys.argv[1], sys.argv[2:]
    # Connection refusals while a broker starts are expected: not worth a line each.
    settings = {"bootstrap.servers": os.environ["KAFKA"], "log_level": 0, "reconnect.backoff.max.ms": 250}
    admin = AdminClient(settings)
    if command == "ready":
        wait_ready(admin, float(args[0]) if args else 30)
    elif command == "create":
        topics = []
        for spec in args[1:]:
            name, *config = spec.split(",")
            topics.append(NewTopic(name, num_partitions=int(args[0]), replication_factor=1,
                                   config=dict(pair.split("=", 1) for pair in config)))
        finish(admin.create_topics(topics, operation_timeout=30))
    elif command == "delete":
        finish(admin.delete_topics(args, operation_timeout=30))
    elif command == "end":
        consumer = Consumer({**settings, "group.id": "topics.py"})
        for name in args:
            partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
            print(sum(end_of(consumer, name, p) for p in partitions))
        consumer.close()
    else:
        sys.exit(__doc__)


main()
