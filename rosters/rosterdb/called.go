package rosterdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// Called finds whom other systems mean by a name: the person with that handle, else the only one with that
// name, else the one whose handle stands before the @ of a mail address. Of "Ann Example (ann)", as Zabbix
// writes, it is who stands in the brackets, else before them. Who is not found, or could be several, is not in
// the map.
func (s Store) Called(ctx context.Context, names []string) (map[string]rosters.PersonID, error) {
	var whole, spelled []string
	var later []int // behind what was tried before
	for _, name := range names {
		for i, part := range spellings(name) {
			whole, spelled, later = append(whole, name), append(spelled, part), append(later, 3*i)
		}
	}
	rows, _ := s.db.Query(ctx, `select n.name, p.id, n.later + case when p.id = lower(n.spelled) then 1 when lower(p.name) = lower(n.spelled) then 2 else 3 end
		from unnest($1::text[], $2::text[], $3::int[]) n (name, spelled, later)
		join person p on p.id = lower(n.spelled) or lower(p.name) = lower(n.spelled)
			or strpos(n.spelled, '@') > 1 and p.id = split_part(lower(n.spelled), '@', 1)
		where n.spelled <> ''
		order by 1, 3, 2`, whole, spelled, later)
	found, best, twice := map[string]rosters.PersonID{}, map[string]int{}, map[string]bool{}
	var name string
	var id rosters.PersonID
	var how int
	_, err := pgx.ForEachRow(rows, []any{&name, &id, &how}, func() error {
		switch {
		case best[name] == 0:
			found[name], best[name] = id, how
		case best[name] == how && found[name] != id:
			twice[name] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for whom other systems mean: %w", err)
	}
	for name := range twice {
		delete(found, name)
	}
	return found, nil
}

// spellings are what a name may mean, the likeliest first: itself, and of "Ann Example (ann)" its parts.
func spellings(name string) []string {
	before, alias, ok := strings.Cut(strings.TrimSuffix(name, ")"), "(")
	if !ok || !strings.HasSuffix(name, ")") {
		return []string{name}
	}
	return []string{name, strings.TrimSpace(alias), strings.TrimSpace(before)}
}

// HasRoster reports whether there is a roster of that slug.
func (s Store) HasRoster(ctx context.Context, id rosters.RosterID) (there bool, err error) {
	if err = s.db.QueryRow(ctx, `select exists (select from roster where id = $1)`, id).Scan(&there); err != nil {
		return false, fmt.Errorf("looking for roster %s: %w", id, err)
	}
	return there, nil
}
