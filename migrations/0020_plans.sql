-- How people want to be paged: a plan to wake and one to tell, calls until they answer, quiet hours, and contacts
-- that are known to reach them.

alter table person add column call_again interval not null default '5 minutes';
alter table person add column call_again_for smallint not null default 1;
alter table person add column quiet_from text not null default '';
alter table person add column quiet_to text not null default '';

alter table contact add column plan text not null default '' check (plan in ('', 'tell', 'both')); -- '' is to wake
alter table contact add column verified_at timestamptz;

-- How often who is paged is tried again, frozen with the plan.
alter table page add column call_again interval not null default '0';

-- The code that was sent to an address of a person last, hashed.
create table contact_code (
    person     text not null references person on delete cascade,
    channel    text not null,
    address    text not null,
    salt       bytea not null,
    hash       bytea not null,
    tries      integer not null default 0,
    expires_at timestamptz not null,
    primary key (person, channel, address)
);

-- Codes that were sent within the last hour, and for whom: they are limited. The caller is an API key.
create table contact_code_sent (
    id      bigint generated always as identity primary key,
    person  text not null,
    channel text not null,
    address text not null,
    caller  bigint not null,
    at      timestamptz not null default clock_timestamp()
);
create index on contact_code_sent (at);
