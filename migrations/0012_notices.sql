-- Ordinary words to people: an offer to swap, a hole that is coming. They wake nobody, and nothing waits for them.
create table notice (
    id          bigint generated always as identity primary key,
    person      text not null references person on delete cascade,
    kind        text not null,
    about       text not null, -- what it is about: of one thing a person is told once
    text        text not null,
    made_at     timestamptz not null default now(),
    until_at    timestamptz not null, -- from then on it is of no use
    lease_until timestamptz not null default '-infinity', -- until then somebody is at it, or it rests
    tries       integer not null default 0,
    told_at     timestamptz,
    detail      text not null default '',
    unique (person, kind, about)
);
create index notice_untold on notice (lease_until) where told_at is null;
