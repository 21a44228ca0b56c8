-- What a worker serves, for people: names of queues, or webhooks.
ALTER TABLE ampule.workers ADD COLUMN serves text COLLATE "C" NOT NULL DEFAULT '';
