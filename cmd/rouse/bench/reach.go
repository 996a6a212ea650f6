package bench

import (
	"context"
	"fmt"
	"time"

	"rouse/notifiers/email/emailsim"
	"rouse/notifiers/webpush/webpushsim"
	"rouse/rosters"
)

// outside is every provider that people are reached through, but for the rig's own ntfy. All take everything and tell
// nothing more.
type outside struct {
	pushes *provider
	line   *line
	mail   *emailsim.Sim
	webs   *webpushsim.Sim
}

func (r *rig) startOutside() (o *outside, err error) {
	o = &outside{pushes: r.provider, line: startLine()}
	if o.mail, err = emailsim.Start(emailsim.Config{}); err == nil {
		o.webs, err = webpushsim.Start(webpushsim.Config{})
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

func (o *outside) Close() {
	o.line.Close()
	if o.mail != nil {
		o.mail.Close()
	}
	if o.webs != nil {
		o.webs.Close()
	}
}

// settings has a server use them. It makes the key that it signs pushes to browsers with itself, if it can keep secrets.
func (o *outside) settings() []string {
	return append(o.line.settings(), "ROUSE_SMTP_HOST="+o.mail.Host(), fmt.Sprintf("ROUSE_SMTP_PORT=%d", o.mail.Port()), "ROUSE_SMTP_SECURITY=none",
		"ROUSE_SMTP_FROM=rouse@example.com", "ROUSE_SECRET_KEY=YSBrZXkgdGhhdCBvbmx5IGEgYmVuY2htYXJrIHVzZXM=")
}

// reach is one channel with the people at its end.
type reach struct {
	channel rosters.Channel
	address func(c crowd, i int) string

	// calls waits until the provider was called for n people, but not for ever, and says when for each address: the
	// first time.
	calls func(ctx context.Context, n int) (calls, error)
}

type calls map[string]time.Time

func (c calls) add(address string, at time.Time) {
	if c[address].IsZero() {
		c[address] = at
	}
}

// reaches are the channels, each for n people.
func (o *outside) reaches(n int) []reach {
	return []reach{
		{rosters.Push, crowd.member, o.pushed},
		o.browsers(n),
		{rosters.SMS, crowd.number, o.asked(rosters.SMS)},
		{rosters.Voice, crowd.number, o.asked(rosters.Voice)},
		{rosters.Email, crowd.mail, o.mailed},
	}
}

func (o *outside) pushed(ctx context.Context, n int) (calls, error) {
	called := calls{}
	if err := o.pushes.follow(ctx, stormWithin, func(p pushed) bool {
		called.add(p.topic, p.at)
		return len(called) == n
	}); ctx.Err() != nil {
		return nil, err
	} // else some are lost
	return called, nil
}

func (o *outside) asked(channel rosters.Channel) func(context.Context, int) (calls, error) {
	return func(ctx context.Context, n int) (calls, error) {
		called := calls{}
		err := o.line.follow(ctx, stormWithin, func(a asked) bool {
			if a.channel == channel {
				called.add(a.number, a.at)
			}
			return len(called) == n
		})
		if ctx.Err() != nil {
			return nil, err
		} // else some are lost
		return called, nil
	}
}

// mailed counts a mail as come once the server has all of it: what goes before are the connection and the greeting.
func (o *outside) mailed(ctx context.Context, n int) (calls, error) {
	within, cancel := context.WithTimeout(ctx, stormWithin)
	defer cancel()
	for wanted := n; ; {
		mails, err := o.mail.Await(within, wanted)
		called := calls{}
		for _, m := range mails {
			called.add(m.To, m.At)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil, len(called) >= n: // with an error, some are lost
			return called, nil
		}
		wanted = len(mails) + 1 // one came twice
	}
}

// browsers has n of them subscribe. They check who signed and decrypt, which is part of what the machine does meanwhile,
// but do not tell that they show a push: the other providers tell nothing either.
func (o *outside) browsers(n int) reach {
	all := make([]*webpushsim.Browser, n)
	for i := range all {
		all[i] = o.webs.Subscribe("")
		all[i].Sleeps()
	}
	calls := func(ctx context.Context, _ int) (calls, error) {
		within, cancel := context.WithTimeout(ctx, stormWithin)
		defer cancel()
		called := calls{}
		for _, b := range all {
			pushes, err := b.Await(within, 1)
			if err != nil && ctx.Err() != nil {
				return nil, err
			} // else it is lost
			for _, p := range pushes {
				called.add(b.Address(), p.At)
			}
		}
		return called, nil
	}
	return reach{rosters.WebPush, func(_ crowd, i int) string { return all[i].Address() }, calls}
}
