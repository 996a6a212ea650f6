package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
)

const (
	maxExpression = 2000   // bytes
	maxSteps      = 50_000 // of one expression, as CEL counts them
	maxNested     = 50
)

var environment = sync.OnceValues(func() (*cel.Env, error) {
	texts := cel.MapType(cel.StringType, cel.StringType)
	return cel.NewEnv(
		cel.Variable("status", cel.IntType),
		cel.Variable("headers", texts),
		cel.Variable("query", texts),
		cel.Variable("form", texts),
		cel.Variable("text", cel.StringType),
		cel.Variable("body", cel.DynType),
		cel.OptionalTypes(),
		cel.ParserRecursionLimit(maxNested),
		cel.ParserExpressionSizeLimit(maxExpression),
	)
})

// expression is one that was read; nil says nothing.
type expression struct{ program cel.Program }

// read reads an expression of a field; "" is nil.
func read(field, text string, want *cel.Type) (*expression, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxExpression {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", field, len(text), maxExpression)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("%s: %w", field, issues.Err())
	}
	if kind := ast.OutputType(); !kind.IsExactType(want) && !kind.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("%s: it gives a %s, not a %s", field, kind, want)
	}
	program, err := env.Program(ast, cel.CostLimit(maxSteps))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &expression{program}, nil
}

// text is what an expression gives, otherwise if there is none.
func (e *expression) text(values map[string]any, otherwise string) (string, error) {
	if e == nil {
		return otherwise, nil
	}
	v, _, err := e.program.Eval(values)
	if err != nil {
		return "", err
	}
	switch v := v.Value().(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", errors.New("not a text")
	}
}

// holds is what a condition gives, otherwise if there is none.
func (e *expression) holds(values map[string]any, otherwise bool) (bool, error) {
	if e == nil {
		return otherwise, nil
	}
	v, _, err := e.program.Eval(values)
	if err != nil {
		return false, err
	}
	b, ok := v.Value().(bool)
	if !ok {
		return false, errors.New("neither true nor false")
	}
	return b, nil
}

// answers are the expressions that an answer is read by.
type answers struct{ taken, id, gone, final, code *expression }

func readAnswers(a Answer) (read answers, err error) {
	r := reader{}
	read = answers{r.read("answer.taken", a.Taken, cel.BoolType), r.read("answer.id", a.ID, cel.StringType), r.read("answer.gone", a.Gone, cel.BoolType),
		r.read("answer.final", a.Final, cel.BoolType), r.read("answer.code", a.Code, cel.StringType)}
	return read, errors.Join(r.wrong...)
}

// reader reads expressions and keeps what is wrong with them.
type reader struct{ wrong []error }

func (r *reader) read(field, text string, want *cel.Type) *expression {
	e, err := read(field, text, want)
	if err != nil {
		r.wrong = append(r.wrong, err)
	}
	return e
}

// answered is an answer, understood.
type answered struct {
	taken, gone, final bool
	id, code           string
}

// read reads an answer. What says only more about a refusal, and fails, is as if it had said nothing.
func (a answers) read(res *http.Response, text []byte, nonce string) (answered, error) {
	status := res.StatusCode
	values := map[string]any{"status": status, "headers": flat(res.Header), "text": string(text), "body": parsed(text), "query": map[string]string{}, "form": map[string]string{}}
	refused := status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests
	var got answered
	got.code, _ = a.code.text(values, strconv.Itoa(status))
	got.gone, _ = a.gone.holds(values, false)
	got.final, _ = a.final.holds(values, refused)
	var err error
	if got.taken, err = a.taken.holds(values, status >= 200 && status < 300); err != nil || !got.taken {
		return got, err
	}
	got.id, err = a.id.text(values, nonce)
	return got, err
}

// callbacks are the expressions that callbacks are read by.
type callbacks struct {
	nonce, state, gone, code *expression
	from, text, id           *expression
}

func readCallbacks(receipt Receipt, reply Reply) (read callbacks, err error) {
	r := reader{}
	read = callbacks{
		nonce: r.read("receipt.nonce", receipt.Nonce, cel.StringType), state: r.read("receipt.state", receipt.State, cel.StringType),
		gone: r.read("receipt.gone", receipt.Gone, cel.BoolType), code: r.read("receipt.code", receipt.Code, cel.StringType),
		from: r.read("reply.from", reply.From, cel.StringType), text: r.read("reply.text", reply.Text, cel.StringType), id: r.read("reply.id", reply.ID, cel.StringType),
	}
	if (reply.Text == "") != (reply.From == "") {
		r.wrong = append(r.wrong, errors.New("reply: from and text go together"))
	}
	return read, errors.Join(r.wrong...)
}

// parsed is a text as JSON, nil if it is none.
func parsed(text []byte) any {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}

// flat is the first value of each name, in lower case.
func flat[M http.Header | url.Values](values M) map[string]string {
	m := map[string]string{}
	for name, all := range values {
		if len(all) > 0 {
			m[strings.ToLower(name)] = all[0]
		}
	}
	return m
}
