// Package emailsim is a mail server on loopback with boxes to look into. It is for the demo and the tests:
// it asks for STARTTLS and a password if told to, and misbehaves as real ones do.
package emailsim

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Fault is a way to misbehave.
type Fault string

// The faults.
const (
	None    Fault = ""
	Refuse  Fault = "refuse"  // connection refused: nothing listens
	Busy    Fault = "busy"    // 421 for every sender
	TooMany Fault = "many"    // 450 for every recipient
	Hang    Fault = "hang"    // takes the mail, never answers
	Reset   Fault = "reset"   // takes the mail, breaks the connection
	Garbage Fault = "garbage" // takes the mail, answers with what is no reply
)

// Config tells a Sim how to be. The zero value takes mail from anybody, without TLS.
type Config struct {
	TLS      bool   // offers STARTTLS
	Username string // "" asks for no password
	Password string
}

// Sim is a running mail server.
type Sim struct {
	cfg     Config
	cert    tls.Certificate
	root    *x509.CertPool
	address string

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when a mail comes
	server  *smtp.Server
	socket  net.Listener // the server knows of it only once it serves
	fault   Fault
	refused map[string]*smtp.SMTPError // by recipient
	mails   []Mail
	release chan struct{}
}

// Start listens and serves until Close.
func Start(cfg Config) (*Sim, error) {
	s := &Sim{cfg: cfg, changed: make(chan struct{}), refused: map[string]*smtp.SMTPError{}, release: make(chan struct{}), address: "127.0.0.1:0"}
	if cfg.TLS {
		if err := s.certify(); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.listen()
}

func (s *Sim) listen() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	s.address = l.Addr().String() // the same again after a Refuse
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sim: s, conn: c}, nil }))
	server.Domain, server.MaxMessageBytes, server.ErrorLog = "mail.example.com", 1<<20, log.New(io.Discard, "", 0)
	server.AllowInsecureAuth = !s.cfg.TLS
	if s.cfg.TLS {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{s.cert}}
	}
	s.server, s.socket = server, l
	go func() { _ = server.Serve(l) }() // ends with ErrServerClosed
	return nil
}

// certify makes a certificate for 127.0.0.1 that only Root trusts.
func (s *Sim) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.root = x509.NewCertPool()
	s.root.AddCert(made)
	s.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return nil
}

// Close stops everything.
func (s *Sim) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.release)
	s.release = make(chan struct{})
	if s.server != nil {
		s.shut()
	}
}

func (s *Sim) shut() {
	_, _ = s.server.Close(), s.socket.Close()
	s.server = nil
}

// Host and Port are where it listens.
func (s *Sim) Host() string { return "127.0.0.1" }

// Port is the port that it listens on.
func (s *Sim) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, port, _ := net.SplitHostPort(s.address)
	n, _ := strconv.Atoi(port)
	return n
}

// Root is who signed its certificate; nil without TLS.
func (s *Sim) Root() *x509.CertPool { return s.root }

// Set makes the server misbehave from now on; Set(None) heals it.
func (s *Sim) Set(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	close(s.release)
	s.release = make(chan struct{})
	switch {
	case f == Refuse && s.server != nil:
		s.shut()
	case f != Refuse && s.server == nil:
		return s.listen()
	}
	return nil
}

// RefuseAddress answers every mail to an address with a code, 550 and 5.1.1 if there is no such box; 0 takes
// them again.
func (s *Sim) RefuseAddress(address string, code int, enhanced [3]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.refused, address); code != 0 {
		s.refused[address] = &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "<" + address + "> refused"}
	}
}

// Await waits until there are n mails, and gives all.
func (s *Sim) Await(ctx context.Context, n int) ([]Mail, error) {
	for {
		s.mu.Lock()
		mails, changed := s.mails[:len(s.mails):len(s.mails)], s.changed // only ever added to
		s.mu.Unlock()
		if len(mails) >= n {
			return mails, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return mails, fmt.Errorf("%d of %d mails came: %w", len(mails), n, ctx.Err())
		}
	}
}

func (s *Sim) state() (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault, s.release
}

// session is one connection.
type session struct {
	sim  *Sim
	conn *smtp.Conn
	to   []string
	from string
	auth bool
}

func (c *session) AuthMechanisms() []string {
	if c.sim.cfg.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != c.sim.cfg.Username || password != c.sim.cfg.Password {
			return smtp.ErrAuthFailed
		}
		c.auth = true
		return nil
	}), nil
}

func (c *session) Reset()        { c.to, c.from = nil, "" }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if fault, _ := c.sim.state(); fault == Busy {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Service not available"}
	}
	if c.sim.cfg.Username != "" && !c.auth {
		return smtp.ErrAuthRequired
	}
	c.from = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	if c.sim.fault == TooMany {
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Too many mails, slow down"}
	}
	if refused := c.sim.refused[to]; refused != nil {
		return refused
	}
	c.to = append(c.to, to)
	return nil
}

func (c *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	at := time.Now()
	m, err := read(text, c.from, strings.Join(c.to, ", "))
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Not a mail"}
	}
	m.At = at
	_, m.Encrypted = c.conn.TLSConnectionState()
	fault, release := c.sim.state()
	c.sim.mu.Lock()
	c.sim.mails = append(c.sim.mails, m)
	close(c.sim.changed)
	c.sim.changed = make(chan struct{})
	c.sim.mu.Unlock()
	switch fault {
	case Hang:
		<-release
		return c.conn.Conn().Close()
	case Reset:
		return c.conn.Conn().Close()
	case Garbage:
		_, _ = io.Copy(c.conn.Conn(), bytes.NewReader([]byte("<!DOCTYPE html>\r\n"))) // the client may be gone
		return c.conn.Conn().Close()
	default:
		return nil
	}
}
