package enginedb

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// TakenNotice is the kind of the notices that somebody else has an incident: About is its key, with which Text
// begins.
const TakenNotice = "taken"

// GatherNotices makes one notice of all that a person is to be told in the same words about different things: those
// that nobody has begun to tell, and those of some ids. words are what stands behind About. It gives what the
// others are about, which count as told; the notice then has the text that say makes of that.
func (s Store) GatherNotices(ctx context.Context, n Notice, words string, ids []int64, say func(abouts []string) string) (others []string, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `with others as (select id from notice where person = $1 and kind = $2 and id <> $3 and told_at is null
				and text = about || $4::text and (tries = 0 or id = any($5)) for update skip locked)
			update notice set told_at = clock_timestamp(), detail = 'with another' from others where notice.id = others.id returning about`,
			n.Person, n.Kind, n.ID, words, ids)
		if others, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || len(others) == 0 {
			return err
		}
		_, err := tx.Exec(ctx, `update notice set text = $2 where id = $1`, n.ID, say(others))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("gathering notices: %w", err)
	}
	return others, nil
}
