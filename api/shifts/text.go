package shifts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Config is what a Desk needs.
type Config struct {
	DB       *pgxpool.Pool
	Pages    *pgxpool.Pool            // that pages are answered with: what an answer waits for is asked there; nil: DB
	Channels map[rosters.Channel]bool // on which this server can send
	Offset   func() time.Duration     // added to the database's clock, as the pager's; nil: nothing
	Log      *slog.Logger             // nil discards
}

// Desk does what people ask for by text. Its methods are safe for concurrent use.
type Desk struct{ cfg Config }

// New makes a Desk.
func New(c Config) *Desk {
	if c.Pages == nil {
		c.Pages = c.DB
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{c}
}

// slugForm is that of a roster's name; nothing else that a text says is repeated.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ErrUnknown says that a text asks for nothing that can be done here, or comes from nobody's number, or
// names a code that is not, or no longer, somebody's with the number.
var ErrUnknown = errors.New("no shift, swap or code that is known")

// confirmWithin is how long the code of a wish counts.
const confirmWithin = 15 * time.Minute

// Ask answers a text that asks to take or swap shifts with what that would do, and a code for it; what the person
// asked for before is given up. ErrUnknown if it asks for something else; another error if it may be asked again.
func (d *Desk) Ask(ctx context.Context, number, text string) (reply string, err error) {
	wanted, is, unclear := parseSaid(text)
	if !is {
		return "", ErrUnknown
	}
	err = d.inTx(ctx, d.cfg.DB, func(b Book) error {
		who, err := b.owner(ctx, number)
		if err != nil || who.ID == "" {
			reply = in("").several
			return err
		}
		if unclear {
			reply = wanted.how(who)
			return nil
		}
		w, refusal, err := b.understand(ctx, who, wanted)
		if err == nil && refusal == "" {
			refusal, err = d.unreachable(ctx, b, who, w)
		}
		if err != nil || refusal != "" {
			reply = refusal
			return err
		}
		if err := b.Rosters.DropWishes(ctx, who.ID); err != nil {
			return err
		}
		w.Until = b.Now.Add(confirmWithin)
		if w, err = b.Rosters.AddWish(ctx, w); err != nil {
			return err
		}
		reply, err = b.question(ctx, who, w)
		return err
	})
	return reply, err
}

// how says how to write what was not understood.
func (s said) how(who rosters.Person) string {
	say := in(who.Language)
	roster := s.roster
	if !slugForm.MatchString(roster) {
		roster = "web"
	}
	if s.take {
		return fmt.Sprintf(say.howTake, roster)
	}
	return fmt.Sprintf(say.howSwap, roster)
}

// unreachable is why somebody who is about to come on call cannot be paged, "" if nobody is.
func (d *Desk) unreachable(ctx context.Context, b Book, asks rosters.Person, w rosterdb.Wish) (refusal string, err error) {
	comes := []rosters.PersonID{w.Person}
	if w.Kind == rosterdb.WishOffer {
		if comes[0] = w.Partner; w.Take != (rosters.Span{}) {
			comes = append(comes, w.Person)
		}
	}
	people, err := b.people(ctx, comes...)
	if err != nil {
		return "", err
	}
	for _, id := range comes {
		usable := func(c rosters.Contact) bool { return !c.Disabled && d.cfg.Channels[c.Channel] }
		if !slices.ContainsFunc(people[id].Contacts, usable) {
			return fmt.Sprintf(in(asks.Language).noContact, people[id].Name), nil
		}
	}
	return "", nil
}

// inTx does something in one transaction.
func (d *Desk) inTx(ctx context.Context, db *pgxpool.Pool, do func(Book) error) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		b := Book{Rosters: rosterdb.New(tx), Notices: enginedb.New(tx)}
		now, err := b.Rosters.Now(ctx)
		if err != nil {
			return err
		}
		if d.cfg.Offset != nil {
			now = now.Add(d.cfg.Offset())
		}
		b.Now = now.UTC()
		return do(b)
	})
}

// owner is who has a number, nobody (without an error) if several have. ErrUnknown if it is nobody's.
func (b Book) owner(ctx context.Context, number string) (rosters.Person, error) {
	ids, err := b.Rosters.PeopleByAddress(ctx, number)
	switch {
	case err != nil:
		return rosters.Person{}, err
	case len(ids) == 0:
		return rosters.Person{}, ErrUnknown
	case len(ids) > 1:
		return rosters.Person{}, nil
	}
	return b.Rosters.Person(ctx, ids[0])
}

// understand makes a wish of what was said, or says why it cannot.
func (b Book) understand(ctx context.Context, who rosters.Person, s said) (w rosterdb.Wish, refusal string, err error) {
	say := in(who.Language)
	if !slugForm.MatchString(s.roster) { // nothing that somebody else wrote is repeated to whoever has the number
		return w, s.how(who), nil
	}
	stored, err := b.Rosters.RosterDuring(ctx, rosters.RosterID(s.roster), b.Now.AddDate(0, -2, 0), b.Now.AddDate(3, 0, 0))
	if errors.Is(err, rosterdb.ErrNotFound) {
		return w, fmt.Sprintf(say.noRoster, s.roster), nil
	}
	if err != nil {
		return w, "", err
	}
	c, _ := stored.Compile() // what cannot be read has nobody on call
	w = rosterdb.Wish{Person: who.ID, Roster: stored.ID}
	if s.take {
		may, err := b.mayTake(ctx, stored, who.ID)
		if err == nil && !may {
			return w, fmt.Sprintf(say.mayNot, stored.ID), nil
		}
		if err != nil {
			return w, "", err
		}
		w.Kind = rosterdb.WishTake
		if w.Give, refusal = s.taken(who, b.Now); refusal != "" {
			return w, refusal, nil
		}
		if w.Whom = onCall(c, w.Give); slices.Equal(w.Whom, []rosters.PersonID{who.ID}) && !anyGap(c, w.Give) {
			refusal = fmt.Sprintf(say.already, stored.ID)
		}
		return w, refusal, nil
	}
	return b.understandSwap(ctx, who, s, stored, c)
}

// taken is the span of a take.
func (s said) taken(who rosters.Person, now time.Time) (span rosters.Span, refusal string) {
	zone := zoneOf(who)
	span.From = now.Truncate(time.Microsecond)
	if s.from.day != nil || s.from.timed {
		span.From = s.from.after(now.In(zone))
	}
	if span.To = s.length.after(span.From.In(zone)); s.length == (length{}) {
		span.To = s.until.after(span.From.In(zone))
	}
	span = rosters.Span{From: span.From.UTC(), To: span.To.UTC()}
	switch say := in(who.Language); {
	case !span.From.Before(span.To), !span.To.After(now):
		return span, fmt.Sprintf(say.backward, spell(who, span))
	case span.To.Sub(span.From) < time.Minute, span.To.Sub(now) > takenAtMost:
		return span, fmt.Sprintf(say.tooLong, spell(who, span))
	}
	return span, ""
}

// takenAtMost is how far ahead a shift that is taken by text may end.
const takenAtMost = 366 * 24 * time.Hour

// onCall lists who is on call at any time within a span, each once, by handle.
func onCall(c *rosters.Calendar, span rosters.Span) (who []rosters.PersonID) {
	for _, m := range c.Spans(span.From, span.To) {
		who = append(who, m.Persons...)
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// anyGap reports whether nobody is on call for some of a span.
func anyGap(c *rosters.Calendar, span rosters.Span) bool {
	return slices.ContainsFunc(c.Spans(span.From, span.To), func(m rosters.Manned) bool { return len(m.Persons) == 0 })
}

// mayTake reports whether somebody may take shifts of a roster: whoever is one of its people, or a member of
// the team that owns it.
func (b Book) mayTake(ctx context.Context, r rosterdb.Roster, who rosters.PersonID) (bool, error) {
	for _, t := range r.Rotations {
		if slices.Contains(t.Participants, who) {
			return true, nil
		}
	}
	if r.Team == "" {
		return false, nil
	}
	role, err := b.Rosters.RoleOf(ctx, r.Team, who)
	return role == rosters.Owner || role == rosters.TeamMember, err
}

func (b Book) understandSwap(ctx context.Context, who rosters.Person, s said, stored rosterdb.Roster, c *rosters.Calendar) (w rosterdb.Wish, refusal string, err error) {
	partner, err := b.called(ctx, stored, s.partner)
	if err != nil {
		return w, "", err
	}
	if partner.ID == "" {
		return w, fmt.Sprintf(in(who.Language).noPerson, stored.ID), nil
	}
	w = rosterdb.Wish{Person: who.ID, Kind: rosterdb.WishOffer, Roster: stored.ID, Partner: partner.ID}
	find := shiftFinder{who: who, roster: stored.ID, calendar: c, now: b.Now.In(zoneOf(who))}
	if w.Give, refusal = find.shift(who, s.give); refusal != "" {
		return w, refusal, nil
	}
	if s.inTurn.day != nil || s.inTurn.timed {
		if w.Take, refusal = find.shift(partner, s.inTurn); refusal != "" {
			return w, refusal, nil
		}
	}
	swap := rosters.Swap{Proposer: who.ID, Partner: partner.ID, Give: w.Give, Take: w.Take}
	if es, wrong := errors.AsType[rosters.FieldErrors](swap.Validate(c, b.Now)); wrong {
		return w, fmt.Sprintf(in(who.Language).refused, es[0].Problem+"."), nil
	}
	return w, "", nil
}

// called finds somebody in a roster by handle, name or first name; one who is not in it by handle. Nobody,
// if it may be two people.
func (b Book) called(ctx context.Context, r rosterdb.Roster, name string) (rosters.Person, error) {
	ids := []rosters.PersonID{rosters.PersonID(name)}
	for _, t := range r.Rotations {
		ids = append(ids, t.Participants...)
	}
	people, err := b.Rosters.People(ctx, ids)
	if err != nil {
		return rosters.Person{}, err
	}
	if exact := people[rosters.PersonID(name)]; exact.ID != "" {
		return exact, nil
	}
	var found rosters.Person
	for _, p := range people {
		full := strings.ToLower(p.Name)
		first, _, _ := strings.Cut(full, " ")
		if full != name && first != name {
			continue
		}
		if found.ID != "" {
			return rosters.Person{}, nil
		}
		found = p
	}
	return found, nil
}

// shiftFinder finds the shift that is meant.
type shiftFinder struct {
	who      rosters.Person // who asks, in whose zone and language all is said
	roster   rosters.RosterID
	calendar *rosters.Calendar
	now      time.Time
}

// around is how far before and after a day its shifts may begin and end.
const around = 40 * 24 * time.Hour

func (f shiftFinder) shift(whose rosters.Person, w when) (rosters.Span, string) {
	say := in(f.who.Language)
	if w.timed {
		at := w.after(f.now)
		for _, s := range f.shifts(whose.ID, at) {
			if !s.From.After(at) && s.To.After(at) {
				return s, ""
			}
		}
		return rosters.Span{}, fmt.Sprintf(say.noShift, whose.Name, f.roster, short(f.who, at))
	}
	day := w.day(today(f.now))
	meant := f.ofDay(whose.ID, day)
	if len(meant) == 0 && w.weekly && !today(f.now).Before(day) { // what began already is nothing to give or take
		day = day.AddDate(0, 0, 7)
		meant = f.ofDay(whose.ID, day)
	}
	switch len(meant) {
	case 0:
		return rosters.Span{}, fmt.Sprintf(say.noShift, whose.Name, f.roster, dayText(f.who, day))
	case 1:
		return meant[0], ""
	default:
		return rosters.Span{}, fmt.Sprintf(say.which, whose.Name, f.roster, dayText(f.who, day), meant[0].From.In(day.Location()).Format("2006-01-02 15:04"))
	}
}

// ofDay are somebody's shifts to come that begin on a day, or last all of it.
func (f shiftFinder) ofDay(whose rosters.PersonID, day time.Time) (meant []rosters.Span) {
	from, to := begin(day), begin(day.AddDate(0, 0, 1))
	for _, s := range f.shifts(whose, day) {
		begins := !s.From.Before(from) && s.From.Before(to)
		if s.From.After(f.now) && (begins || s.From.Before(from) && !s.To.Before(to)) {
			meant = append(meant, s)
		}
	}
	return meant
}

// shifts are somebody's around an instant, those that follow without a pause as they are told.
func (f shiftFinder) shifts(whose rosters.PersonID, at time.Time) (found []rosters.Span) {
	for _, s := range f.calendar.Shifts(at.Add(-around), at.Add(around)) {
		if s.Person == whose {
			found = append(found, rosters.Span{From: s.From, To: s.To})
		}
	}
	return found
}

// question says what a wish would do, and asks for its code.
func (b Book) question(ctx context.Context, who rosters.Person, w rosterdb.Wish) (string, error) {
	say := in(who.Language)
	if w.Kind == rosterdb.WishOffer {
		people, err := b.people(ctx, w.Partner)
		return fmt.Sprintf(say.wantOffer, people[w.Partner].Name, spell(who, w.Give), w.Roster, spell(who, w.Take), w.Code), err
	}
	from := slices.DeleteFunc(slices.Clone(w.Whom), func(p rosters.PersonID) bool { return p == who.ID })
	people, err := b.people(ctx, from...)
	if err != nil {
		return "", err
	}
	whom := say.nobody
	if len(from) > 0 {
		whom = names(people, from)
	}
	return fmt.Sprintf(say.wantTake, w.Roster, spell(who, w.Give), whom, w.Code), nil
}

// Answer carries out the wish with a code, or with no gives it up: of an offer that somebody else made it says
// no. ErrUnknown if nobody with the number has such a code; another error if it may be answered again.
func (d *Desk) Answer(ctx context.Context, number, code string, no bool) (reply string, err error) {
	err = d.inTx(ctx, d.cfg.DB, func(b Book) error {
		people, err := b.Rosters.PeopleByAddress(ctx, number)
		if err != nil {
			return err
		}
		w, err := b.Rosters.LockWish(ctx, people, code, b.Now)
		if errors.Is(err, rosterdb.ErrNotFound) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		who, err := b.Rosters.Person(ctx, w.Person)
		if err != nil {
			return err
		}
		if !w.DoneAt.IsZero() {
			reply = in(who.Language).done
			return nil
		}
		if reply, err = b.fulfil(ctx, who, w, no); err != nil {
			return err
		}
		return b.Rosters.WishDone(ctx, w.ID, b.Now)
	})
	if why, refused := whyNot(err); refused {
		return fmt.Sprintf(in("").refused, why), nil
	}
	if err == nil {
		d.cfg.Log.InfoContext(ctx, "shift asked for by text", "no", no)
	}
	return reply, err
}

// Pending reports whether a bare word from a number may be meant for a shift: somebody asked for one a moment ago,
// or the last text to the number was an offer.
func (d *Desk) Pending(ctx context.Context, number string) (pending bool, err error) {
	err = d.inTx(ctx, d.cfg.Pages, func(b Book) error {
		people, err := b.Rosters.PeopleByAddress(ctx, number)
		if err != nil || len(people) == 0 {
			return err
		}
		if pending, err = b.Rosters.HasWish(ctx, people, b.Now); err != nil || pending {
			return err
		}
		pending, err = b.Notices.AskedLast(ctx, people, number)
		return err
	})
	return pending, err
}

// fulfil does what a wish is for.
func (b Book) fulfil(ctx context.Context, who rosters.Person, w rosterdb.Wish, no bool) (reply string, err error) {
	say := in(who.Language)
	switch {
	case w.Kind == rosterdb.WishAnswer && no:
		_, err = b.Answer(ctx, w.Roster, w.Swap, rosterdb.Declined, who.ID)
		return say.declined, err
	case w.Kind == rosterdb.WishAnswer:
		_, err = b.Answer(ctx, w.Roster, w.Swap, rosterdb.Accepted, who.ID)
		return say.accepted, err
	case no:
		return say.dropped, nil
	case w.Kind == rosterdb.WishOffer:
		people, err := b.people(ctx, w.Partner)
		if err != nil {
			return "", err
		}
		_, err = b.Offer(ctx, w.Roster, rosters.Swap{Proposer: w.Person, Partner: w.Partner, Give: w.Give, Take: w.Take})
		return fmt.Sprintf(say.offered, people[w.Partner].Name), err
	default:
		err = b.take(ctx, who, w)
		return fmt.Sprintf(say.taken, w.Roster, moment(who, w.Give.To)), err
	}
}

// take puts somebody on call, if that is still what was asked for.
func (b Book) take(ctx context.Context, who rosters.Person, w rosterdb.Wish) error {
	if err := b.Rosters.LockRoster(ctx, w.Roster); err != nil {
		return err
	}
	stored, err := b.Rosters.RosterDuring(ctx, w.Roster, w.Give.From, w.Give.To)
	if err != nil {
		return err
	}
	may, err := b.mayTake(ctx, stored, who.ID)
	if err != nil {
		return err
	}
	if !may {
		return problem.Forbidden.Because(in(who.Language).mayNot, w.Roster)
	}
	c, _ := stored.Compile() // what cannot be read has nobody on call
	if !slices.Equal(onCall(c, w.Give), w.Whom) {
		return problem.Past.Because("%s", in(who.Language).others)
	}
	_, err = b.Override(ctx, w.Roster, rosters.Override{Person: w.Person, From: w.Give.From, To: w.Give.To}, w.Person)
	return err
}

// whyNot tells a refusal from a failure that may pass.
func whyNot(err error) (why string, refused bool) {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.Detail, true
	}
	if es, ok := errors.AsType[rosters.FieldErrors](err); ok {
		return es[0].Problem + ".", true
	}
	if errors.Is(err, rosterdb.ErrNotFound) {
		return "it is not there any more.", true
	}
	_, missing := errors.AsType[*rosterdb.MissingError](err)
	return "somebody is not there any more.", missing
}
