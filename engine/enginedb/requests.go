package enginedb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// RequestsKept is how long a request that was done is remembered.
const RequestsKept = 24 * time.Hour

// ErrOther means that a client has used one id for two requests.
var ErrOther = errors.New("was another request")

// BeginRequest notes that a request is being done, in the transaction that does it: as long as that lasts,
// others with the same id wait. If it was done already it gives the answer, and otherwise nil. ErrOther if
// the id was another request's.
func (s Store) BeginRequest(ctx context.Context, key int64, id string, digest []byte) (answer json.RawMessage, err error) {
	tag, err := s.db.Exec(ctx, `insert into done_request as d (key, id, digest) values ($1, $2, $3)
		on conflict (key, id) do update set digest = $3, answer = '{}', done_at = now() where d.done_at < now() - $4::interval`,
		key, id, digest, RequestsKept)
	if err == nil && tag.RowsAffected() == 0 {
		var was []byte
		err = s.db.QueryRow(ctx, `select digest, answer from done_request where key = $1 and id = $2`, key, id).Scan(&was, &answer)
		if err == nil && string(was) != string(digest) {
			err = ErrOther
		}
	}
	if err != nil && !errors.Is(err, ErrOther) {
		err = fmt.Errorf("looking for a request that was done: %w", err)
	}
	return answer, err
}

// EndRequest keeps the answer of a request, in the transaction that did it.
func (s Store) EndRequest(ctx context.Context, key int64, id string, answer json.RawMessage) error {
	if _, err := s.db.Exec(ctx, `update done_request set answer = $3 where key = $1 and id = $2`, key, id, answer); err != nil {
		return fmt.Errorf("keeping the answer of a request: %w", err)
	}
	return nil
}

// PruneRequests forgets requests that were done.
func (s Store) PruneRequests(ctx context.Context, p Prune) (int64, error) {
	return s.prune(ctx, "requests that were done", `with old as materialized (
			select key, id from done_request where done_at < (select clock_timestamp() + $1::interval - $2::interval)
			order by done_at limit $3 for update skip locked)
		delete from done_request d using old where d.key = old.key and d.id = old.id`, p.Offset, p.Keep, p.Limit)
}
