-- More ways to reach people, and who carries the messages.

alter table contact drop constraint contact_channel_check;
alter table contact add constraint contact_channel_check check (channel in ('push', 'web_push', 'sms', 'voice', 'email', 'webhook'));

-- Providers that were set up through the API, beside those of the environment. What is secret is sealed, as JSON.
create table provider (
    name       text primary key check (name ~ '^[a-z][a-z0-9-]{0,30}$'),
    kind       text not null,
    position   integer not null, -- the first that can is asked first
    settings   jsonb not null default '{}',
    sealed     bytea not null default '',
    disabled   boolean not null default false,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- Counts changes of the above, as whoever makes one sees to: every node looks whether it has to read them anew.
create table providers (one boolean primary key default true check (one), version bigint not null default 1);
insert into providers default values;

-- Why nothing reaches a contact, as a provider said; '' while it works, or was switched off by somebody.
alter table contact add column dead text not null default '';

-- When it was known that an attempt reached the phone, for the seconds to that which are shown of each provider. The
-- index alone answers: it holds what was delivered, the newest at its end.
alter table attempt add column delivered_at timestamptz;
create index attempt_delivered on attempt (delivered_at) include (provider, channel, claimed_at) where delivered_at is not null;

-- Messages that somebody sent to try a provider, and what it said of them. Kept for a day.
create table provider_test (
    nonce    text primary key,
    provider text not null,
    channel  text not null,
    state    text not null, -- as an attempt's
    detail   text not null default '',
    made_at  timestamptz not null default now(),
    told_at  timestamptz -- when state was last told
);
