-- How operators want messages to read, beside the words that are built in.
create table template (
    language   text not null,
    channel    text not null,
    purpose    text not null,
    title      text not null default '', -- of a push; a mail's subject
    text       text not null default '',
    options    text not null default '', -- of a call
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (language, channel, purpose)
);

-- Languages that are added, or replace a built-in one: each sentence by its name.
create table language (
    tag        text primary key,
    "unicode"  boolean not null default false, -- not written in the alphabet of SMS
    words      jsonb not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- Counts changes of both, as whoever makes one sees to: every node looks whether it has to read them anew.
create table wording (one boolean primary key default true check (one), version bigint not null default 1);
insert into wording default values;
