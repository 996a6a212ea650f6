-- Messages to robots that show whether a provider delivers: one row for each that has a robot's address.
create table canary (
    provider   text not null,
    channel    text not null,
    due_at     timestamptz not null default '-infinity', -- when the next one is sent
    nonce      text not null default '', -- of the last one
    is_out     boolean not null default false, -- it is not back yet
    sent_at    timestamptz, -- the last one
    came_at    timestamptz, -- when one last came back
    took       interval,    -- how long that took
    misses     integer not null default 0, -- that did not come back, since one did
    down_since timestamptz, -- after two of them, until one comes back
    detail     text not null default '', -- what the provider said of one that did not
    primary key (provider, channel)
) with (fillfactor = 50);

-- When the alarm was raised that more was sent than the budget has, once for each of its hours or days.
create table budget_alarm (
    channel  text not null,
    per      text not null check (per in ('hour', 'day')),
    began    timestamptz not null, -- of the hour or day, in UTC
    told_at  timestamptz not null,
    sent     integer not null,
    primary key (channel, per, began)
);

-- A message that failed as nothing will ever reach its address: its provider is not to blame.
alter table attempt add column gone boolean not null default false;
