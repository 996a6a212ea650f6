package pager

import (
	"context"
	"fmt"
	"sync"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/match"
	"rouse/rosters"
)

// routing is what decides where alerts go, as this node last read it. Each reception sees by the version
// whether it is the latest.
type routing struct {
	mu      sync.Mutex
	version int64
	ready   engine.Routing
	read    map[string]*match.Condition // expressions, which take longer to read than to ask
}

// at gives the routing of a version, reading it if that is another than the known one.
func (r *routing) at(ctx context.Context, db enginedb.Store, version int64) (engine.Routing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version == version {
		return r.ready, nil
	}
	stored, err := db.Routing(ctx)
	if err != nil {
		return engine.Routing{}, err
	}
	r.ready, r.read = ready(stored, r.read)
	r.version = stored.Version
	return r.ready, nil
}

// ready reads the expressions of what is stored; those that were read before are taken over. One that cannot
// be read any more fails whenever it is asked.
func ready(stored enginedb.Routing, before map[string]*match.Condition) (engine.Routing, map[string]*match.Condition) {
	read := map[string]*match.Condition{}
	condition := func(text string) engine.Condition {
		c := read[text]
		if c == nil {
			c = before[text]
		}
		if c == nil {
			var err error
			if c, err = match.Read(text); err != nil {
				return unreadable{err}
			}
		}
		read[text] = c
		return c
	}
	out := engine.Routing{Words: stored.Words, Teams: map[rosters.TeamID][]engine.ReadyRule{}, Windows: map[engine.ServiceID][]engine.ReadyWindow{}}
	for _, rule := range stored.Rules {
		ready := engine.ReadyRule{Rule: rule, Condition: condition(rule.When)}
		if rule.Team == "" {
			out.Rules = append(out.Rules, ready)
		} else {
			out.Teams[rule.Team] = append(out.Teams[rule.Team], ready)
		}
	}
	for _, m := range stored.Windows {
		w := engine.ReadyWindow{Maintenance: m.Maintenance}
		if m.When != "" {
			w.Condition = condition(m.When)
		}
		out.Windows[m.Service] = append(out.Windows[m.Service], w)
	}
	return out, read
}

// CheckRule checks the expression of a rule; the error says what is wrong with it.
func CheckRule(text string) error {
	_, err := match.Read(text)
	return err
}

// CheckMaintenance checks the expression of a maintenance.
func CheckMaintenance(text string) error {
	_, err := match.Timeless(text)
	return err
}

// ReadRouting makes what is stored ready to be asked.
func ReadRouting(stored enginedb.Routing) engine.Routing {
	routing, _ := ready(stored, nil)
	return routing
}

// unreadable is an expression that could be read when it was saved, and cannot any more.
type unreadable struct{ err error }

func (u unreadable) Holds(*engine.Facts) (bool, error) {
	return false, fmt.Errorf("its expression cannot be read: %w", u.err)
}
