package demo

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// keyboard is where commands come from: a terminal, whose line under way stays below what is shown
// meanwhile, or any other input.
type keyboard struct {
	in, out  *os.File // nil if that is no terminal
	lines    chan string
	first    string // read by empty
	hasFirst bool
}

const prompt = "rouse> "

func newKeyboard(cfg Config) *keyboard {
	k := &keyboard{lines: make(chan string)}
	in, inOK := cfg.Stdin.(*os.File)
	out, outOK := cfg.Stdout.(*os.File)
	if inOK && outOK && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) {
		k.in, k.out = in, out
		return k
	}
	if !cfg.Script {
		go k.scan(cfg.Stdin)
	}
	return k
}

// scan reads an input that is no terminal, to its end.
func (k *keyboard) scan(in io.Reader) {
	defer close(k.lines)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		k.lines <- lines.Text()
	}
}

// empty reports whether nobody will ever type anything.
func (k *keyboard) empty(ctx context.Context) bool {
	if k.in != nil {
		return false
	}
	select {
	case line, ok := <-k.lines:
		k.first, k.hasFirst = line, ok
		return !ok
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
	return false
}

// open turns a terminal to the demo: from now on the screen is written above the line under way. close
// gives it back.
func (k *keyboard) open(s *screen) (restore func(), err error) {
	if k.in == nil {
		return func() {}, nil
	}
	before, err := term.MakeRaw(int(k.in.Fd()))
	if err != nil {
		return nil, err
	}
	plain := s.out
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{k.in, k.out}, prompt)
	t.AutoCompleteCallback = complete
	s.swap(t, func() int {
		width, height, err := term.GetSize(int(k.out.Fd()))
		if err != nil || width <= 0 {
			return plainWidth
		}
		_ = t.SetSize(width, height) // fails where writing fails: nobody is left to tell
		return width
	})
	s.print("") // with the right size from the first prompt on
	go func() {
		defer close(k.lines)
		for {
			line, err := t.ReadLine() // Ctrl-C and Ctrl-D end it
			if err != nil {
				return
			}
			k.lines <- line
		}
	}()
	return func() {
		s.swap(plain, nil)
		_ = term.Restore(int(k.in.Fd()), before) // there is nothing else to try
		s.print("\n")
	}, nil
}

// next is the next line; false at the end of the input.
func (k *keyboard) next(ctx context.Context) (string, bool) {
	if k.hasFirst {
		k.hasFirst = false
		return k.first, true
	}
	select {
	case line, ok := <-k.lines:
		return line, ok
	case <-ctx.Done():
		return "", false
	}
}

// complete finishes the word before the cursor if there is one way to.
func complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	begin := strings.LastIndex(line[:pos], " ") + 1
	words := vocabulary()
	if begin > 0 {
		words = append(words, acts...)
		for _, r := range teams {
			words = append(words, r.id)
		}
		for _, s := range services {
			words = append(words, s.id)
		}
	}
	var fits []string
	for _, w := range words {
		if strings.HasPrefix(w, line[begin:pos]) {
			fits = append(fits, w)
		}
	}
	if len(fits) != 1 {
		return line, pos, true
	}
	done := line[:begin] + fits[0] + " "
	return done + line[pos:], len(done), true
}
