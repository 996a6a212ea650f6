package bench

import (
	"context"
	"fmt"
	"net"
	"net/smtp"
	"strconv"
	"testing"
	"time"

	"rouse/notifiers/email/emailsim"
	"rouse/rosters"
)

// Who gets a mail twice was reached when the first came, and stands for nobody else.
func TestAMailThatComesTwiceIsNoSecondPerson(t *testing.T) {
	mail, err := emailsim.Start(emailsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mail.Close)
	send := func(to string) {
		t.Helper()
		text := "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nHOT-1\r\n--x--\r\n"
		if err := smtp.SendMail(net.JoinHostPort(mail.Host(), strconv.Itoa(mail.Port())), nil, "rouse@example.com", []string{to}, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	send("ann@example.com")
	between := time.Now()
	send("ann@example.com")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	came := make(chan error, 1)
	go func() {
		called, err := (&outside{mail: mail}).mailed(ctx, 2)
		if err == nil && (len(called) != 2 || !called["ann@example.com"].Before(between) || called["bob@example.com"].Before(between)) {
			err = fmt.Errorf("called were %v", called)
		}
		came <- err
	}()
	send("bob@example.com")
	if err := <-came; err != nil {
		t.Error(err)
	}
}

func TestBusyCountsWithinATimeAndASecond(t *testing.T) {
	began := time.Now()
	var all []asked
	for _, at := range []time.Duration{0, 100, 200, 950, 1150, 1999, 2000} {
		all = append(all, asked{rosters.SMS, "+491", began.Add(at * time.Millisecond)})
	}
	if n, most := busy(all, 2*time.Second); n != 6 || most != 4 {
		t.Errorf("%d within two seconds, %d in one", n, most)
	}
	if n, most := busy(nil, time.Second); n != 0 || most != 0 {
		t.Errorf("of nothing: %d, %d", n, most)
	}
}
