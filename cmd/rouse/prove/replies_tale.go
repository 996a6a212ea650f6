package prove

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// tale is one story. It happens in one goroutine, but for what races on purpose.
type tale struct {
	p         *repliesProof
	no        int
	chance    *rand.Rand
	who       rosters.PersonID
	colleague rosters.PersonID
	number    string
	keys      []string // opened
	resolved  map[string]bool
	texts     []sent            // to the person, so far
	taken     map[string]bool   // by the colleague
	late      []letter          // on their way
	first     map[string]letter // replies that have come, by id, as they were then
}

// letter is a reply on its way.
type letter struct {
	word
	id    string // the provider's
	from  string
	known []string // incidents that whoever wrote it had been texted about
}

func newTale(p *repliesProof, no int) *tale {
	who := storysPerson(no)
	return &tale{p: p, no: no, chance: p.t.chance("tale", fmt.Sprint(no)), who: who, colleague: colleague(no),
		number: p.r.world.people[who].Contacts[0].Address, resolved: map[string]bool{}, taken: map[string]bool{}, first: map[string]letter{}}
}

const (
	maxOpened = 3 // incidents of a story; more texts in ten seconds would be bundled
	maxTexts  = 4
	textComes = 20 * time.Second
)

// tell has the story happen: what comes next is drawn by lot.
func (t *tale) tell(ctx context.Context) {
	t.open(ctx)
	for range 4 + t.chance.IntN(5) {
		if ctx.Err() != nil {
			break
		}
		switch x := t.chance.IntN(14); {
		case x < 2:
			t.open(ctx)
		case x < 3:
			t.pageAgain(ctx)
		case x < 5:
			t.other(ctx, "acknowledge")
		case x < 6:
			t.handBack(ctx)
		case x < 7:
			t.resolve(ctx, t.chance.IntN(len(t.keys)+1))
		case x < 9:
			t.deliverLate(ctx)
		default:
			t.write(ctx)
		}
	}
	for len(t.late) > 0 && ctx.Err() == nil {
		t.deliverLate(ctx)
	}
	for i := range t.keys {
		t.resolve(ctx, i)
	}
}

func (t *tale) trouble(i int) string { return fmt.Sprintf("story-%d-%d", t.no, i) }

// open reports a trouble, and waits for the text about it.
func (t *tale) open(ctx context.Context) {
	if len(t.keys) == maxOpened {
		return
	}
	trouble := t.trouble(len(t.keys))
	if !t.p.r.report(ctx, alert{trouble: trouble, service: engine.ServiceID(t.who), severity: engine.Major}) {
		return
	}
	before := len(t.texts)
	t.await(ctx)
	if len(t.texts) > before {
		t.keys = append(t.keys, t.texts[before].key)
	} else {
		t.keys = append(t.keys, "")
	}
}

// await takes the next text, for as long as one takes to come.
func (t *tale) await(ctx context.Context) {
	timer := time.NewTimer(textComes)
	defer timer.Stop()
	select {
	case s := <-t.p.inbox[t.number]:
		t.texts = append(t.texts, s)
	case <-timer.C:
		t.p.r.fail(fmt.Errorf("story %d: %s got no text about what they were paged for within %s", t.no, t.who, textComes))
	case <-ctx.Done():
	}
}

// any is a key of the story that is not resolved, "" if there is none.
func (t *tale) any(fits func(key string) bool) string {
	open := slices.DeleteFunc(slices.Clone(t.keys), func(key string) bool { return key == "" || t.resolved[key] || !fits(key) })
	if len(open) == 0 {
		return ""
	}
	return open[t.chance.IntN(len(open))]
}

// pageAgain pages the person in for an incident once more, in another role.
func (t *tale) pageAgain(ctx context.Context) {
	key := t.any(func(string) bool { return true })
	if key == "" || len(t.texts) >= maxTexts {
		return
	}
	if t.p.r.ask(ctx, http.MethodPost, "/v1/incidents/"+key+"/page", t.p.key, map[string]string{
		"person": string(t.who), "role": fmt.Sprintf("role-%d", len(t.texts)), "wait": "30m", "by": string(t.colleague)}) == nil {
		t.await(ctx)
	}
}

// other has the colleague answer over REST.
func (t *tale) other(ctx context.Context, how string) (done bool) {
	key := t.any(func(key string) bool { return how == "acknowledge" || t.taken[key] })
	if key == "" {
		return false
	}
	w := word{person: t.colleague, form: byOther, text: how + " " + key, keys: []string{key}, from: time.Now()}
	done = t.p.r.ask(ctx, http.MethodPost, "/v1/incidents/"+key+"/"+how, t.p.key, map[string]string{"person": string(t.colleague)}) == nil
	t.p.said(w)
	if done {
		t.taken[key] = how == "acknowledge"
	}
	return done
}

// handBack has the colleague give back what they took: if they really had it, the person is paged anew.
func (t *tale) handBack(ctx context.Context) {
	if len(t.texts) >= maxTexts || !t.other(ctx, "decline") {
		return
	}
	select {
	case s := <-t.p.inbox[t.number]:
		t.texts = append(t.texts, s)
	case <-time.After(500 * time.Millisecond): // the person had it: nobody is paged
	case <-ctx.Done():
	}
}

func (t *tale) resolve(ctx context.Context, i int) {
	if i >= len(t.keys) || t.keys[i] == "" || t.resolved[t.keys[i]] {
		return
	}
	t.resolved[t.keys[i]] = true
	t.p.r.report(ctx, alert{trouble: t.trouble(i), service: engine.ServiceID(t.who), severity: engine.Major, action: engine.Resolve})
}

// write has the person reply to a text, or to none in particular. The reply comes at once, later, or both.
func (t *tale) write(ctx context.Context) {
	t.look()
	if len(t.texts) == 0 {
		return
	}
	about := t.texts[t.chance.IntN(len(t.texts))]
	code := replyCode.FindStringSubmatch(about.text)
	if code == nil || about.key == "" {
		return
	}
	l := letter{word: word{person: t.who}, id: "SM" + fmt.Sprintf("%016x%016x", t.chance.Uint64(), t.chance.Uint64()), from: t.number, known: t.told()}
	one := func(of ...string) string { return of[t.chance.IntN(len(of))] }
	switch x := t.chance.IntN(20); {
	case x < 7:
		l.form, l.nonce, l.text = byCode, about.nonce, fmt.Sprintf(one("%s", "ack %s", "%s ok", "OK %s!"), code[1])
	case x < 11:
		l.form, l.text = byKey, fmt.Sprintf(one("ack %s", "ok %s please", "Acked %s."), one(about.key, strings.ToLower(about.key), strings.Replace(about.key, "-", " ", 1)))
	case x < 15:
		l.form, l.text = bare, one("ack", "OK", "yes", "Ack.", "ok thanks")
	case x < 18:
		l.form, l.text = byAll, one("ack all", "OK all")
	default: // nothing that it says counts
		l.form, l.text, l.person = byStranger, one(code[1], "ack "+about.key, "ok"), ""
		l.from = fmt.Sprintf("+4916%09d", t.no)
	}
	if l.form == byKey {
		l.keys = []string{about.key}
	}
	switch x := t.chance.IntN(10); {
	case x < 5:
		t.deliver(ctx, l)
	case x < 8:
		t.late = append(t.late, l)
	case x < 9:
		t.deliver(ctx, l)
		t.late = append(t.late, l)
	default: // twice at the same time
		t.come(ctx, &l)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { t.post(ctx, l) })
		}
		both.Wait()
	}
}

// look takes the texts that have come unasked.
func (t *tale) look() {
	for {
		select {
		case s := <-t.p.inbox[t.number]:
			t.texts = append(t.texts, s)
		default:
			return
		}
	}
}

// told are the incidents that the person was texted about.
func (t *tale) told() (all []string) {
	for _, s := range t.texts {
		for _, key := range s.names {
			if !slices.Contains(all, key) {
				all = append(all, key)
			}
		}
	}
	return all
}

// deliverLate delivers one of the replies that are on their way, whichever was written first.
func (t *tale) deliverLate(ctx context.Context) {
	if len(t.late) == 0 {
		return
	}
	i := t.chance.IntN(len(t.late))
	l := t.late[i]
	t.late = slices.Delete(t.late, i, i+1)
	l.late = true
	t.deliver(ctx, l)
}

func (t *tale) deliver(ctx context.Context, l letter) {
	t.come(ctx, &l)
	t.post(ctx, l)
}

// come works out what a reply may mean as it comes. One that comes again means what it meant the first time, and has
// been counted.
func (t *tale) come(ctx context.Context, l *letter) {
	if was, ok := t.first[l.id]; ok {
		late := l.late
		*l = was
		l.late, l.again, l.wants = late, true, nil
		return
	}
	t.look()
	open := t.stillOpen(ctx)
	var keys []string // with an open page
	for _, s := range t.texts {
		for _, key := range s.names {
			if open[s.nonce] && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	for _, s := range t.texts {
		means := open[s.nonce] && len(s.names) == 1
		switch l.form {
		case byCode:
			means = means && s.nonce == l.nonce
		case byKey:
			means = means && s.key == l.keys[0]
		case bare: // if nothing else was ever texted there
			means = means && len(t.texts) == 1
		case byAll:
		default:
			means = false
		}
		if means {
			l.wants = append(l.wants, s.nonce)
		}
	}
	switch l.form {
	case bare: // the only one that it can mean, and that was known to who wrote it
		if len(keys) == 1 && slices.Contains(l.known, keys[0]) {
			l.keys = keys
		}
	case byAll:
		l.keys = keys
	}
	t.first[l.id] = *l
}

// stillOpen tells which of the texts are about a page of the person that is open.
func (t *tale) stillOpen(ctx context.Context) map[string]bool {
	var nonces []string
	for _, s := range t.texts {
		nonces = append(nonces, s.nonce)
	}
	open := map[string]bool{}
	rows, err := t.p.r.db.Query(ctx, `select coalesce(nullif(a.bundle, ''), a.nonce) from attempt a join page p on p.incident = a.incident and p.no = a.page
		join incident i on i.id = p.incident
		where (a.nonce = any($1) or a.bundle = any($1)) and p.person = $2 and p.state = 'open' and i.status <> 'resolved'`, nonces, string(t.who))
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			var nonce string
			if err = rows.Scan(&nonce); err != nil {
				break
			}
			open[nonce] = true
		}
		if err == nil {
			err = rows.Err()
		}
	}
	if err != nil && ctx.Err() == nil {
		t.p.r.fail(fmt.Errorf("story %d: asking which pages are open: %w", t.no, err))
	}
	return open
}

// post brings a reply to Rouse, signed as the provider does, until it is taken in.
func (t *tale) post(ctx context.Context, l letter) {
	account := t.p.account()
	address := "http://" + t.p.r.door.address + twilio.SMSPath
	values := url.Values{"MessageSid": {l.id}, "SmsSid": {l.id}, "SmsMessageSid": {l.id}, "SmsStatus": {"received"}, "AccountSid": {account.AccountSID()},
		"ApiVersion": {"2010-04-01"}, "From": {l.from}, "To": {twiliosim.DefaultFrom}, "Body": {l.text}, "NumMedia": {"0"}}
	w := l.word
	w.from = time.Now()
	const tries = 5
	for range tries {
		status, err := t.postOnce(ctx, address, values, twilio.Signature(account.AuthToken(), address, values))
		if err == nil && status/100 == 2 {
			t.p.said(w)
			return
		}
		if err == nil && status/100 == 4 {
			t.p.r.fail(fmt.Errorf("story %d: a reply was answered %d", t.no, status))
			return
		}
		fake.Sleep(ctx, 300*time.Millisecond)
	}
	t.p.said(w) // it may have come all the same
}

func (t *tale) postOnce(ctx context.Context, address string, values url.Values, signature string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Twilio-Signature", signature)
	res, err := t.p.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, err
}
