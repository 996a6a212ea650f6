package prove

import "time"

// away is a database that nobody could reach, or that took nothing in.
const away faultKind = "away"

// awayNotice is how long before the database is seen to be away something may have fallen due that it
// could not take any more.
const awayNotice = 2 * time.Second

// possible is when something could be done that fell due: then, or as soon as the database was there again,
// or the provider. overdue says that it was the database.
func (c *comparison) possible(due time.Time) (at time.Time, overdue bool) {
	for _, f := range c.faults {
		if f.kind != away && f.kind != unreachable || due.After(f.to) {
			continue
		}
		if !due.Before(f.from.Add(-min(awayNotice, f.to.Sub(f.from)))) {
			due, overdue = f.to, overdue || f.kind == away
		}
	}
	return due, overdue
}

// missed reports whether something that was due at an instant should have been done before the end.
func (c *comparison) missed(due, end time.Time) bool {
	due, _ = c.possible(due)
	return end.After(due.Add(c.limits.late))
}

// latest is when something has to be done at the latest that may have had to wait for others: while the
// database was away nothing waited any less.
func (c *comparison) latest(due time.Time, hold time.Duration) time.Time {
	end := due.Add(hold)
	for _, f := range c.faults {
		if f.kind == away && f.from.Before(end) && f.to.After(due) {
			end = f.to.Add(hold)
		}
	}
	return end
}
