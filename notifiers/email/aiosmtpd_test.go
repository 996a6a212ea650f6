package email_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"mime"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/email"
)

// aiosmtpd is the server as a program: it wants STARTTLS and a password, and prints what comes as JSON.
const aiosmtpd = `
import json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

class Box:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
            "text": envelope.content.decode("utf-8")}), flush=True)
        return "250 taken"

def knows(server, session, envelope, mechanism, given):
    return AuthResult(success=given.login == b"rouse" and given.password == b"secret of the server", handled=False)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
controller = Controller(Box(), hostname="127.0.0.1", port=int(sys.argv[2]), tls_context=context, require_starttls=True,
    authenticator=knows, auth_required=True, auth_require_tls=True, server_hostname="mail.example.com")
controller.start()
print(json.dumps({}), flush=True)
sys.stdin.read()
controller.stop()
`

// A mail through another implementation of the server's side, encrypted and with a password.
func TestThroughAiosmtpd(t *testing.T) {
	python := ""
	for _, name := range []string{"/usr/bin/python3", "python3"} { // Debian's own first: that has its packages
		if exec.Command(name, "-c", "import aiosmtpd").Run() == nil {
			python = name
			break
		}
	}
	if python == "" {
		t.Skip("there is no aiosmtpd: apt-get install python3-aiosmtpd")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	certificate, root := certify(t)
	server := exec.Command(python, "-c", aiosmtpd, certificate, port)
	stdin, err := server.StdinPipe() // it ends with us
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	if !lines.Scan() {
		t.Fatal("aiosmtpd did not start")
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	cfg := email.Config{Host: "127.0.0.1", Port: number, From: "Rouse <rouse@example.com>", Username: "rouse", Password: "wrong",
		Dialer: notifiers.Guard{AllowPrivate: true}.Dialer(), TLS: &tls.Config{RootCAs: root}}
	e, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Notify(t.Context(), page()); err == nil || !strings.Contains(err.Error(), "user name and password") {
		t.Errorf("a wrong password: %v", err)
	}
	cfg.Password = "secret of the server"
	if e, err = email.New(cfg); err != nil {
		t.Fatal(err)
	}
	for _, summary := range []string{"disk full on db1", "Füllstand 100 % 🚨", "数据库磁盘已满", strings.Repeat("long ", 300), ".\r\n.\r\nQUIT"} {
		m := page()
		m.Summary = summary
		if _, err := e.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		var got struct {
			From, Text string
			To         []string
			TLS        bool
		}
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &got) != nil {
			t.Fatal("no mail came")
		}
		letter, err := mail.ReadMessage(strings.NewReader(got.Text))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
		if err != nil || !got.TLS || got.From != "rouse@example.com" || len(got.To) != 1 || got.To[0] != m.To || !strings.HasPrefix(subject, "HOT-1 SEV1 "+strings.Fields(summary)[0]) {
			t.Errorf("from %q to %q, encrypted %v, %q (%v)", got.From, got.To, got.TLS, subject, err)
		}
		if kind, _, err := mime.ParseMediaType(letter.Header.Get("Content-Type")); err != nil || kind != "multipart/alternative" {
			t.Errorf("it is %q (%v)", kind, err)
		}
	}
}

// certify makes a certificate for 127.0.0.1, with its key in a file.
func certify(t *testing.T) (file string, root *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "mail.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	root = x509.NewCertPool()
	root.AddCert(made)
	return file, root
}
