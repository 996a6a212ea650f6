package pager

import (
	"context"
	"fmt"
	"time"
)

const (
	sweeperDead = 5 * time.Second // without a good sweep
	tooLate     = 5 * time.Second // a deadline that nobody has looked after
)

// Audit checks that everything that pages is alive.
func (p *Pager) Audit(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return []Check{p.auditDatabase(ctx), p.auditSweeper(), p.auditDeadlines()}
}

func (p *Pager) auditDatabase(ctx context.Context) Check {
	c := Check{Name: "database", OK: true, Text: "answers and can be written"}
	var readOnly bool
	if err := p.cfg.DB.QueryRow(ctx, `select current_setting('transaction_read_only')::bool`).Scan(&readOnly); err != nil {
		c.OK, c.Text = false, fmt.Sprintf("does not answer: %v. Is Postgres up, and ROUSE_DATABASE_URL right?", err)
	} else if readOnly {
		c.OK, c.Text = false, "is read-only: point ROUSE_DATABASE_URL at the primary (target_session_attrs=read-write)."
	}
	return c
}

func (p *Pager) auditSweeper() Check {
	last := p.swept.Load()
	if last == 0 {
		return Check{Name: "sweeper", Text: "has not run yet on this node; if it stays so, restart the node."}
	}
	if age := time.Since(time.Unix(0, last)); age > sweeperDead {
		return Check{Name: "sweeper", Text: fmt.Sprintf("last ran %s ago on this node: see its log, restart it.", age.Round(time.Second))}
	}
	return Check{Name: "sweeper", OK: true, Text: "runs"}
}

func (p *Pager) auditDeadlines() Check {
	if late := time.Duration(p.overdue.Load()); late > tooLate {
		return Check{Name: "deadlines", Text: fmt.Sprintf("the oldest is %s overdue: see the log for what holds it up.", late.Round(time.Second))}
	}
	return Check{Name: "deadlines", OK: true, Text: "none overdue"}
}
