package shifts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	Pages    *pgxpool.Pool                   // that pages are answered with: what an answer waits for is asked there; nil: DB
	Channels func() map[rosters.Channel]bool // on which this server can send now
	Offset   func() time.Duration            // added to the database's clock, as the pager's; nil: nothing
	Log      *slog.Logger                    // nil discards
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

// ErrUnknown says that a text asks for nothing that can be done here, or comes from nobody's number, or
// names a code that is not, or no longer, somebody's with the number.
var ErrUnknown = errors.New("no shift, swap or code that is known")

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
	may, err := b.mayTake(ctx, stored, w.Give, who.ID)
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
