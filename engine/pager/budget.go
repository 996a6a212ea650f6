package pager

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	budgetEvery   = 30 * time.Second // more or less
	kindBudget    = "budget"
	budgetTellFor = 24 * time.Hour
	maxBudget     = 10_000_000 // messages
)

// Budget is how many messages of a channel are expected to be sent in an hour or a day, those of UTC, by all nodes. When
// more were sent that is told; all the same they are sent.
type Budget struct {
	Channel notifiers.Channel
	Limit   int
	Per     BudgetPer
}

// BudgetPer is what a Budget is for.
type BudgetPer string

// The periods.
const (
	PerHour BudgetPer = "hour"
	PerDay  BudgetPer = "day"
)

// String is the Budget as ParseBudgets reads it.
func (b Budget) String() string { return fmt.Sprintf("%s %d/%s", b.Channel, b.Limit, b.Per) }

// Span is the hour or day that a moment is in.
func (b Budget) Span(at time.Time) (from, to time.Time) {
	length := time.Hour
	if b.Per == PerDay {
		length = 24 * time.Hour
	}
	from = at.UTC().Truncate(length)
	return from, from.Add(length)
}

var budgetForm = regexp.MustCompile(`^(\w+)\s+(\d{1,8})\s*/\s*(hour|day)$`)

// ParseBudgets reads "sms 200/day, voice 50/day". The error says what is wrong and what is right.
func ParseBudgets(text string) (all []Budget, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		m := budgetForm.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("has %q: give each channel with its messages per hour or day, with commas between, such as sms 200/day, voice 50/day", part)
		}
		b := Budget{Channel: notifiers.Channel(m[1]), Per: BudgetPer(m[3])}
		b.Limit, _ = strconv.Atoi(m[2])
		switch {
		case !slices.Contains(rosters.Channels, rosters.Channel(b.Channel)):
			return nil, fmt.Errorf("has %q: %q is no channel, use one of %v", part, b.Channel, rosters.Channels)
		case b.Limit < 1 || b.Limit > maxBudget:
			return nil, fmt.Errorf("has %q: use 1 to %d messages", part, maxBudget)
		case slices.ContainsFunc(all, func(o Budget) bool { return o.Channel == b.Channel && o.Per == b.Per }):
			return nil, fmt.Errorf("has two for %s per %s: keep one", b.Channel, b.Per)
		}
		all = append(all, b)
	}
	return all, nil
}

// WatchBudgets tells whoever is on call for what has no owner, and the log, when more was sent than a budget has, once in
// each of its hours or days, until ctx ends. Any number of nodes may do it. Nothing waits for it.
func (p *Pager) WatchBudgets(ctx context.Context) {
	for {
		if err := p.watchBudgets(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("what was sent could not be counted; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(budgetEvery*3/4 + rand.N(budgetEvery/2)):
		}
	}
}

func (p *Pager) watchBudgets(ctx context.Context) error {
	if len(p.cfg.Budgets) == 0 {
		return nil
	}
	db := enginedb.New(p.cfg.DB)
	now, err := rosterdb.New(p.cfg.DB).Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(p.Offset())
	for _, b := range p.cfg.Budgets {
		from, to := b.Span(now)
		sent, err := db.Spent(ctx, string(b.Channel), from, to)
		if err != nil {
			return err
		}
		p.metrics.spent.WithLabelValues(string(b.Channel), string(b.Per)).Set(float64(sent))
		p.metrics.budget.WithLabelValues(string(b.Channel), string(b.Per)).Set(float64(b.Limit))
		if sent <= b.Limit {
			continue
		}
		if err := p.raiseBudget(ctx, b, from, now, sent); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pager) raiseBudget(ctx context.Context, b Budget, from, now time.Time, sent int) error {
	raised := false
	err := pgx.BeginFunc(ctx, p.cfg.DB, func(tx pgx.Tx) (err error) {
		if raised, err = enginedb.New(tx).RaiseBudgetAlarm(ctx, string(b.Channel), string(b.Per), from, now, sent); err != nil || !raised {
			return err
		}
		return p.tellIMOC(ctx, tx, now, enginedb.Notice{Kind: kindBudget, About: fmt.Sprintf("%s per %s from %s", b.Channel, b.Per, from.Format(time.RFC3339)), Until: now.Add(budgetTellFor),
			Text: fmt.Sprintf("More was sent than the budget %s has: %d since %s. Nothing is held back. See which incidents page so much, or raise ROUSE_BUDGET.", b, sent, from.Format("2 Jan 15:04 MST"))})
	})
	if raised && err == nil {
		p.log.Warn("more was sent than the budget has; nothing is held back", "channel", b.Channel, "limit", b.Limit, "per", b.Per, "sent", sent, "since", from)
	}
	return err
}
