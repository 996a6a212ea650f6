package pager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// reception is a transaction that takes in alerts.
type reception struct {
	*work
	db          enginedb.Store
	routing     engine.Routing
	arrivals    enginedb.Arrivals
	numbers     map[*arrival]enginedb.Number   // for those that may open an incident
	openings    map[*arrival]*engine.Opening   // likewise
	people      map[string]rosters.PersonID    // whom senders mean by a name
	told        map[string]*arrival            // alerts of this transaction, by Once
	knownBefore map[*arrival]enginedb.Repeated // what became of those that were told before
	left        map[string]*arrival            // alerts that wait for a transaction of their own, by what they tell of
	byID        map[int64]*draft               // incidents that are locked
	byName      map[string]*draft              // incidents that alerts opened, joined or came back to here, by service and dedup key, or group
}

func newReception(db enginedb.Store) *reception {
	return &reception{db: db, numbers: map[*arrival]enginedb.Number{}, openings: map[*arrival]*engine.Opening{},
		told: map[string]*arrival{}, knownBefore: map[*arrival]enginedb.Repeated{}, left: map[string]*arrival{}, byID: map[int64]*draft{}, byName: map[string]*draft{}}
}

// gather finds and locks the incidents that alerts belong to, draws numbers for those that belong to none,
// and reads whom they will page.
func (p *Pager) gather(ctx context.Context, tx pgx.Tx, some []*arrival, digits int, alone bool) (*reception, error) {
	r := newReception(enginedb.New(tx))
	alerts := make([]engine.Alert, 0, len(some))
	for _, in := range some {
		alerts = append(alerts, in.alert)
	}
	var err error
	if r.arrivals, err = r.db.Arrivals(ctx, alerts, p.Offset()); err != nil {
		return nil, err
	}
	if r.routing, err = p.routing.at(ctx, r.db, r.arrivals.Routing); err != nil {
		return nil, err
	}
	for i, in := range some {
		in.open, in.back, r.knownBefore[in] = r.arrivals.Open[i], false, r.arrivals.Before[i]
	}
	if err := r.route(ctx, some); err != nil {
		return nil, err
	}
	if err := r.holdRouting(ctx, some, alone); err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, some, alone, p.waits); err != nil {
		return nil, err
	}
	if err := r.findKin(ctx, some); err != nil {
		return nil, err
	}
	if err := r.findPeople(ctx, tx, some); err != nil {
		return nil, err
	}
	now := r.arrivals.Now
	locked, err := r.lock(ctx, some, p.Offset(), !alone)
	if err != nil {
		return nil, err
	}
	for _, inc := range locked {
		now = later(now, inc.Now)
	}
	r.work = p.work(ctx, tx, digits, now)
	for _, inc := range locked {
		r.byID[inc.ID] = r.draft(inc)
	}
	return r, r.prepare(some)
}

// route finds out where alerts go, and reads the services and policies that rules lead to. A service that was
// not known may have a team, whose rules count and lead on.
func (r *reception) route(ctx context.Context, some []*arrival) error {
	for {
		var services []engine.ServiceID
		var policies []engine.PolicyID
		for _, in := range some {
			in.routed = r.routing.Route(in.alert, r.arrivals.Now, r.service)
			if id := in.routed.Service; id != "" && r.service(id) == nil && !slices.Contains(services, id) {
				services = append(services, id)
			}
			if id := in.routed.Policy; id != "" && !slices.Contains(policies, id) {
				policies = append(policies, id)
			}
		}
		if services == nil && policies == nil {
			return nil
		}
		if err := r.db.Also(ctx, &r.arrivals, services, policies); err != nil {
			return err
		}
		var again []*arrival
		for _, in := range some {
			if slices.Contains(services, in.routed.Service) && r.service(in.routed.Service) != nil {
				again = append(again, in)
			}
		}
		some = again
	}
}

func (r *reception) service(id engine.ServiceID) *engine.Service {
	if svc, known := r.arrivals.Services[id]; known && id != "" {
		return &svc
	}
	return nil
}

// holdRouting keeps the maintenances of services as they are until the transaction ends, if there are any:
// whoever takes one away has those incidents asked anew that it holds back, and cannot see the ones that are
// being opened.
func (r *reception) holdRouting(ctx context.Context, some []*arrival, alone bool) error {
	if len(r.routing.Windows) == 0 || !slices.ContainsFunc(some, func(in *arrival) bool {
		svc := r.service(in.routed.Service)
		return in.alert.Action == engine.Trigger &&
			(len(r.routing.Windows[in.routed.Service]) > 0 || svc != nil && svc.Noise.Return.Within > 0) // it may come back to an incident of another service
	}) {
		return nil
	}
	version, err := r.db.HoldRouting(ctx, patience(ctx, alone))
	if err == nil && version != r.arrivals.Routing {
		return fmt.Errorf("routing alerts: %w", errMet)
	}
	return err
}

// lockGroups makes this transaction alone with the groups of its alerts. Alerts that share it do not wait for
// long, and not at all for a group that others wait for in vain: whoever has it may be held up by one incident,
// and that is not everybody's trouble. Those whose group is not to be had are left out, to wait by themselves.
func (r *reception) lockGroups(ctx context.Context, some []*arrival, alone bool, waits *waits) error {
	var kin []enginedb.Kin
	var whose []*arrival
	all, of := r.kin(some)
	for i, k := range all {
		switch {
		case k.Group == "":
		case !alone && waits.stuck(groupName(k.Service, k.Group)):
			of[i].leave(groupName(k.Service, k.Group))
		default:
			kin, whose = append(kin, k), append(whose, of[i])
		}
	}
	if kin == nil {
		return nil
	}
	if alone {
		return r.db.LockGroups(ctx, kin, patience(ctx, alone))
	}
	locked, err := r.db.LockFreeGroups(ctx, kin, patience(ctx, alone))
	for i, ok := range locked {
		if !ok {
			whose[i].leave(groupName(kin[i].Service, kin[i].Group))
		}
	}
	return err
}

// patience is how long a transaction waits for what others have: one alone nearly as long as its sender does,
// so that it is not cut off in the middle.
func patience(ctx context.Context, alone bool) time.Duration {
	if !alone {
		return sharedWait
	}
	if end, ok := ctx.Deadline(); ok {
		return min(loneWait, time.Until(end)-sharedWait)
	}
	return loneWait
}

// findKin finds what alerts belong to though nothing open has their key: groups, and what comes back.
func (r *reception) findKin(ctx context.Context, some []*arrival) error {
	kin, whose := r.kin(some)
	if kin == nil {
		return nil
	}
	found, err := r.db.Kin(ctx, kin, r.arrivals.Now)
	for i, relative := range found {
		whose[i].open, whose[i].back = relative.ID, relative.Back
	}
	return err
}

// kin is what to look for, and for which alerts.
func (r *reception) kin(some []*arrival) (kin []enginedb.Kin, whose []*arrival) {
	for _, in := range some {
		svc := r.service(in.routed.Service)
		if svc == nil || in.open != 0 || in.alone || in.alert.Action != engine.Trigger || in.routed.Unpaged {
			continue
		}
		k := enginedb.Kin{Origin: in.alert.Service, Service: in.routed.Service, DedupKey: in.alert.DedupKey,
			Group: svc.Noise.Grouping.Of(in.routed.Alert), GroupedWithin: svc.Noise.Grouping.Within, ReturnWithin: svc.Noise.Return.Within}
		if k.Group != "" || k.ReturnWithin > 0 && k.DedupKey != "" {
			kin, whose = append(kin, k), append(whose, in)
		}
	}
	return kin, whose
}

// findPeople finds out whom senders mean.
func (r *reception) findPeople(ctx context.Context, tx pgx.Tx, some []*arrival) (err error) {
	var names []string
	for _, in := range some {
		if in.alert.By != "" {
			names = append(names, string(in.alert.By))
		}
		for _, responder := range in.alert.Responders {
			names = append(names, responder.Name)
		}
	}
	if names != nil {
		r.people, err = rosterdb.New(tx).Called(ctx, names)
	}
	return err
}

func (r *reception) lock(ctx context.Context, some []*arrival, offset time.Duration, skip bool) ([]enginedb.Locked, error) {
	var wants []enginedb.Want
	for _, in := range some {
		if in.open != 0 && !slices.ContainsFunc(wants, func(w enginedb.Want) bool { return w.ID == in.open }) {
			wants = append(wants, enginedb.Want{ID: in.open})
		}
	}
	if wants == nil {
		return nil, nil
	}
	return r.db.Lock(ctx, wants, offset, skip)
}

// prepare draws numbers for what will open an incident, and reads whom its first levels name.
func (r *reception) prepare(some []*arrival) error {
	var fresh []*arrival
	var levels []engine.Level
	var wanted []engine.Key
	for _, in := range some {
		d := r.byID[in.open]
		if in.alone || in.alert.Action != engine.Trigger || r.knownBefore[in].Told || in.routed.Unpaged || in.open != 0 && (d == nil || !in.back) {
			continue
		}
		o, err := r.opening(in)
		if err != nil {
			return err
		}
		r.openings[in] = o
		if in.open != 0 { // it comes back, to the ladders that it had
			levels = append(levels, d.After.LevelsIfBack()...)
			continue
		}
		fresh = append(fresh, in)
		levels = append(levels, o.Event().Levels()...)
		wanted = append(wanted, in.alert.Key)
	}
	if fresh != nil {
		numbers, err := r.db.Numbers(r.ctx, r.p.cfg.KeyPrefix, wanted)
		if err != nil {
			return err
		}
		for i, in := range fresh {
			r.numbers[in] = numbers[i]
		}
	}
	if levels == nil {
		return nil
	}
	return r.world.look(levels)
}

// opening is how an incident of the alert would begin.
func (r *reception) opening(in *arrival) (*engine.Opening, error) {
	o := &engine.Opening{Routed: in.routed, Service: r.service(in.routed.Service), CatchAll: r.p.cfg.CatchAll}
	var id engine.PolicyID
	if o.Service != nil {
		id = o.Service.Policy
	}
	if in.routed.Policy != "" {
		id = in.routed.Policy
	}
	named, policy, unknown, err := r.responders(in.alert.Responders)
	if err != nil {
		return nil, err
	}
	if policy != "" {
		id = policy
	}
	o.Named, o.Unknown = named, unknown
	if found, ok := r.arrivals.Policies[id]; ok {
		o.Policy = &found
	}
	if o.Service != nil {
		o.Held, o.Doubted = r.routing.Held(o.Service.ID, &engine.Facts{Alert: in.routed.Alert, Team: o.Service.Owner, Now: r.world.now})
	}
	return o, nil
}

// responders finds those whom a sender wants paged: people by what it calls them, rosters and policies by
// their slugs. The last policy that it names counts.
func (r *reception) responders(wanted []engine.Responder) (named []engine.Target, policy engine.PolicyID, unknown []string, err error) {
	for _, w := range wanted {
		slug := slugOf(w.Name)
		person, isPerson := r.people[w.Name]
		switch {
		case w.Kind == "escalation":
			if err := r.db.Also(r.ctx, &r.arrivals, nil, []engine.PolicyID{engine.PolicyID(slug)}); err != nil {
				return nil, "", nil, err
			}
			if _, ok := r.arrivals.Policies[engine.PolicyID(slug)]; ok {
				policy = engine.PolicyID(slug)
				continue
			}
		case isPerson && (w.Kind == "user" || w.Kind == ""):
			named = append(named, engine.Target{Person: person})
			continue
		case w.Kind != "user":
			there, err := r.world.db.HasRoster(r.ctx, rosters.RosterID(slug))
			if err != nil {
				return nil, "", nil, err
			}
			if there {
				named = append(named, engine.Target{Roster: rosters.RosterID(slug)})
				continue
			}
		}
		unknown = append(unknown, w.Name)
	}
	return named, policy, unknown, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// slugOf is a name as a slug: "Night Watch" is "night-watch".
func slugOf(name string) string {
	slug := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.Trim(slug, "-")
}
