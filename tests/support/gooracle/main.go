// Command gooracle says what Go's text/template does with a template: one JSON request per line in, one answer per line out.
// With the argument `calls` it calls functions directly instead.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

type request struct {
	Source   string            `json:"source"`   // Base64: sources may hold any bytes
	Name     string            `json:"name"`     // of the main template
	Strings  map[string]string `json:"strings"`  // the root as a string map, values in Base64
	Value    json.RawMessage   `json:"value"`    // the root as any value, when there is no string map
	Plain    bool              `json:"plain"`    // without sprig
	Missing  string            `json:"missing"`  // option missingkey
	Left     string            `json:"left"`     // delimiters
	Right    string            `json:"right"`    //
	Seconds  float64           `json:"seconds"`  // measure for this long instead of rendering once
	Prepared bool              `json:"prepared"` // when measuring: parse once only
}

type answer struct {
	Output string  `json:"output,omitempty"` // Base64
	Stage  string  `json:"stage,omitempty"`  // "parse" or "exec" when it failed, "endless" when the output has no end
	Error  string  `json:"error,omitempty"`
	Rate   float64 `json:"rate,omitempty"` // renders per CPU second
}

func functions(plain bool) template.FuncMap {
	if plain {
		return template.FuncMap{}
	}
	table := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(table, name)
	}
	table["filterPEM"] = filterPEM
	return table
}

// filterPEM keeps the blocks of one type; the benchmark of PEM templates needs it.
func filterPEM(kind, text string) (string, error) {
	var kept bytes.Buffer
	rest := []byte(text)
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			return kept.String(), nil
		}
		rest = after
		if strings.EqualFold(block.Type, kind) {
			if err := pem.Encode(&kept, block); err != nil {
				return "", err
			}
		}
	}
}

// errTooLong ends a template whose output has no end; nothing else can stop one.
var errTooLong = errors.New("the output is too long")

// bounded is a buffer that refuses to grow beyond what any template of a test writes.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(data []byte) (int, error) {
	if b.Len()+len(data) > 4<<20 {
		return 0, errTooLong
	}
	return b.Buffer.Write(data)
}

func parse(r *request, source string) (*template.Template, error) {
	t := template.New(r.Name).Delims(r.Left, r.Right)
	if r.Missing != "" {
		t = t.Option("missingkey=" + r.Missing)
	}
	return t.Funcs(functions(r.Plain)).Parse(source)
}

// integral turns numbers without fraction into int, as the root of a template would hold them.
func integral(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = integral(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = integral(v[key])
		}
	}
	return value
}

func root(r *request) (any, error) {
	if r.Strings != nil {
		values := make(map[string]string, len(r.Strings))
		for key, encoded := range r.Strings {
			value, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil, err
			}
			values[key] = string(value)
		}
		return values, nil
	}
	if len(r.Value) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Value))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return integral(value), err
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func measure(r *request, source string, data any) answer {
	prepared, err := parse(r, source)
	if err != nil {
		return answer{Stage: "parse", Error: err.Error()}
	}
	var out bytes.Buffer
	start, cpu, count := time.Now(), cpuSeconds(), 0
	for time.Since(start).Seconds() < r.Seconds {
		for range 16 {
			out.Reset()
			t := prepared
			if !r.Prepared {
				t, _ = parse(r, source)
			}
			if err := t.Execute(&out, data); err != nil {
				return answer{Stage: "exec", Error: err.Error()}
			}
			count++
		}
	}
	return answer{Rate: float64(count) / (cpuSeconds() - cpu)}
}

func handle(r *request) (a answer) {
	defer func() {
		if problem := recover(); problem != nil {
			a = answer{Stage: "exec", Error: fmt.Sprint(problem)}
		}
	}()
	source, err := base64.StdEncoding.DecodeString(r.Source)
	if err != nil {
		return answer{Stage: "request", Error: err.Error()}
	}
	data, err := root(r)
	if err != nil {
		return answer{Stage: "request", Error: err.Error()}
	}
	if r.Seconds > 0 {
		return measure(r, string(source), data)
	}
	t, err := parse(r, string(source))
	if err != nil {
		return answer{Stage: "parse", Error: err.Error()}
	}
	var out bounded
	if err := t.Execute(&out, data); errors.Is(err, errTooLong) {
		return answer{Stage: "endless", Error: err.Error()}
	} else if err != nil {
		return answer{Stage: "exec", Error: err.Error()}
	}
	return answer{Output: base64.StdEncoding.EncodeToString(out.Bytes())}
}

func main() {
	// A template that makes endless values ends this process, not the machine.
	_ = syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 4 << 30, Max: 4 << 30})
	in := bufio.NewReader(os.Stdin)
	if len(os.Args) > 1 && os.Args[1] == "calls" {
		serveCalls(in, os.Stdout)
		return
	}
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			_ = out.Encode(answer{Stage: "request", Error: err.Error()})
			continue
		}
		_ = out.Encode(handle(&r))
	}
}
