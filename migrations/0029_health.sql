-- How a provider fared on a channel as the node saw it that used it last: it outlives a restart, and other nodes see it.
create table provider_health (
    provider      text not null,
    channel       text not null, -- 'chat' of one in which incidents are posted
    version       integer not null, -- of the provider's settings; 0 if the environment has them
    failing_since timestamptz, -- when the row of failures began, if there is one
    last_success  timestamptz,
    last_failure  timestamptz,
    failure       text not null default '', -- the last one, without numbers and secrets
    faults        integer not null default 0, -- failures of the row
    primary key (provider, channel)
) with (fillfactor = 50);

-- Which message to a robot the detail is of: what is heard of the newest is not told over by what was known of the one before.
alter table canary add column detail_of text not null default '';

-- Why the code that was sent last could not be; '' if a provider took it, or nothing is known yet.
alter table contact_code add column failure text not null default '';
