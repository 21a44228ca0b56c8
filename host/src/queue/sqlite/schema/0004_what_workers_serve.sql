-- What a worker serves, for people: names of queues, or webhooks.
ALTER TABLE workers ADD COLUMN serves TEXT NOT NULL DEFAULT '';
