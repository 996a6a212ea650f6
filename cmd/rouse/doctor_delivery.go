package main

import (
	"context"
	"fmt"
	"time"

	"rouse/api/providers"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// longWait is how long a page should wait for a receipt at the most before the next way is tried.
const longWait = time.Minute

// examineDelivery looks at what proves that messages arrive, and sends none.
func examineDelivery(ctx context.Context, cfg config, db postgres, carriers *providers.Registry, r reader) []finding {
	now, err := rosterdb.New(db.Pool).Now(ctx)
	if err != nil {
		return []finding{{"delivery", fail, err.Error()}}
	}
	now = now.Add(cfg.clockOffset)
	all := []finding{examineDeadlines(cfg.delivery)}
	views, err := carriers.Views(ctx)
	if err != nil {
		return append(all, finding{"canaries", fail, err.Error()})
	}
	all = append(all, examineHealth(views, r)...)
	for _, v := range views {
		for _, c := range v.Channels {
			if c.Canary != nil && v.State != providers.Disabled && v.State != providers.Broken {
				all = append(all, examineCanary(v.Name, c, cfg.delivery.canaryEvery, now))
			}
		}
	}
	for _, b := range cfg.delivery.budgets {
		all = append(all, examineBudget(ctx, db, b, now))
	}
	return all
}

func examineDeadlines(d deliverySettings) finding {
	text := fmt.Sprintf("without a receipt the next way is tried after %s (SMS), %s (push to a browser); phones ring for %s", d.receipts[rosters.SMS], d.receipts[rosters.WebPush], d.ringFor)
	if max(d.receipts[rosters.SMS], d.receipts[rosters.WebPush], d.ringFor) > longWait {
		return finding{"deadlines", warn, text + ": a page that does not arrive waits so long. Lower ROUSE_RECEIPT_SMS, ROUSE_RECEIPT_PUSH or ROUSE_RING_FOR"}
	}
	return finding{"deadlines", pass, text}
}

// sendersGone is after how many times ROUSE_CANARY_EVERY without a canary it is clear that no server sends any.
const sendersGone = 5

func examineCanary(provider string, c providers.ChannelView, every time.Duration, now time.Time) finding {
	name := fmt.Sprintf("canary %s %s", provider, c.Channel)
	k := c.Canary
	why := ""
	if k.Detail != "" {
		why = " (" + k.Detail + ")"
	}
	switch {
	case k.SentAt.IsZero() || now.Sub(k.SentAt) > sendersGone*every:
		return finding{name, warn, "none is being sent: is `rouse serve` running, with these settings?"}
	case c.Down():
		return finding{name, fail, fmt.Sprintf("%d messages to the robot did not come back%s, so the provider is asked last. See its console, whether the robot's number is up, and whether its callbacks reach Rouse", k.Misses, why)}
	case k.Misses > 0:
		return finding{name, warn, fmt.Sprintf("the last message to the robot did not come back%s", why)}
	case k.CameAt.IsZero():
		return finding{name, pass, "the first message to the robot is out"}
	}
	return finding{name, pass, fmt.Sprintf("the last message to the robot was back after %s", k.Took.Round(100*time.Millisecond))}
}

func examineBudget(ctx context.Context, db postgres, b pager.Budget, now time.Time) finding {
	name := fmt.Sprintf("budget %s/%s", b.Channel, b.Per)
	from, to := b.Span(now)
	sent, err := enginedb.New(db.Pool).Spent(ctx, string(b.Channel), from, to)
	switch {
	case err != nil:
		return finding{name, fail, err.Error()}
	case sent > b.Limit:
		return finding{name, warn, fmt.Sprintf("%d of %d were sent since %s; nothing is held back. See which incidents page so much, or raise ROUSE_BUDGET", sent, b.Limit, from.Format("2 Jan 15:04 MST"))}
	}
	return finding{name, pass, fmt.Sprintf("%d of %d were sent since %s", sent, b.Limit, from.Format("2 Jan 15:04 MST"))}
}
