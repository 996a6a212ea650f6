-- Posts in chats: one for each incident and chat, written again in its place whenever the incident's timeline has grown.

create table post (
    incident    bigint not null references incident on delete cascade,
    provider    text not null,
    channel     text not null,
    ref         text not null default '',  -- the chat's name of it; '' before it is there
    line        bigint not null default 0, -- the last line of the timeline that it shows
    done        boolean not null default false, -- it says that the incident is over, or cannot be written
    tries       integer not null default 0,     -- in vain, since the last that worked
    lease_until timestamptz not null default '-infinity',
    detail      text not null default '',
    primary key (incident, provider)
);
create index post_open on post (lease_until) where not done;

-- Who somebody is in a chat.
create table chat_user (
    provider text not null,
    id       text not null, -- the chat's
    person   text not null references person on delete cascade,
    primary key (provider, id)
);
