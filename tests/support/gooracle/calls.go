package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// call is one direct call of a function, or of a method of its first argument. Values are written as tests/support/govalues.py says.
type call struct {
	Fn     string `json:"fn"`
	Method bool   `json:"method"`
	Args   []any  `json:"args"`
}

type outcome struct {
	Result any    `json:"result,omitempty"`
	Args   []any  `json:"args,omitempty"` // the arguments after the call
	Failed bool   `json:"failed,omitempty"`
	Error  string `json:"error,omitempty"`
}

type object = map[string]any

func callTable() map[string]any {
	table := sprig.GenericFuncMap()
	table["hexdec"] = func(text string) string {
		data, err := hex.DecodeString(text)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	table["toYaml"] = func(value any) string {
		data, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(data), "\n")
	}
	table["fromYaml"] = func(text string) map[string]any {
		value := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
	return table
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func textOf(value any) string {
	if tagged, ok := value.(object); ok {
		return string(must(base64.StdEncoding.DecodeString(tagged["bytes"].(string))))
	}
	return value.(string)
}

func whole(value any) int64 { return must(strconv.ParseInt(value.(string), 10, 64)) }

func listOf[T any](value any, item func(any) T) []T {
	list := []T{}
	for _, element := range value.([]any) {
		list = append(list, item(element))
	}
	return list
}

func mapOf[T any](value any, item func(any) T) map[string]T {
	result := map[string]T{}
	for _, pair := range value.([]any) {
		result[textOf(pair.([]any)[0])] = item(pair.([]any)[1])
	}
	return result
}

var nils = map[string]any{
	"[]interface {}":          []any(nil),
	"[]string":                []string(nil),
	"map[string]interface {}": map[string]any(nil),
}

func decodeTime(value any) any {
	parts := value.([]any)
	if parts[2] == nil {
		return time.Time{}
	}
	return time.Unix(whole(parts[0]), whole(parts[1])).In(must(time.LoadLocation(parts[2].(string))))
}

var decoders map[string]func(any) any

func init() {
	decoders = map[string]func(any) any{
		"bytes":      func(v any) any { return textOf(object{"bytes": v}) },
		"int":        func(v any) any { return int(whole(v)) },
		"int64":      func(v any) any { return whole(v) },
		"uint8":      func(v any) any { return uint8(whole(v)) },
		"float64":    func(v any) any { return must(strconv.ParseFloat(v.(string), 64)) },
		"complex128": func(v any) any { return must(strconv.ParseComplex(v.(string), 128)) },
		"nil":        func(v any) any { return nils[v.(string)] },
		"strings":    func(v any) any { return listOf(v, textOf) },
		"ints":       func(v any) any { return listOf(v, func(e any) int { return int(whole(e)) }) },
		"lists":      func(v any) any { return listOf(v, func(e any) []any { return decode(e).([]any) }) },
		"map":        func(v any) any { return mapOf(v, decode) },
		"smap":       func(v any) any { return mapOf(v, textOf) },
		"time":       decodeTime,
		"semver":     func(v any) any { return must(semver.NewVersion(v.(string))) },
		"duration":   func(v any) any { return time.Duration(whole(v)) },
	}
}

func decode(value any) any {
	switch v := value.(type) {
	case []any:
		return listOf(v, decode)
	case object:
		for kind, content := range v {
			return decoders[kind](content)
		}
	}
	return value
}

func encodeText(text string) any {
	if utf8.ValidString(text) {
		return text
	}
	return object{"bytes": base64.StdEncoding.EncodeToString([]byte(text))}
}

func encodeList[T any](list []T, item func(T) any) []any {
	result := []any{}
	for _, element := range list {
		result = append(result, item(element))
	}
	return result
}

func encodeMap[T any](values map[string]T, item func(T) any) []any {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return encodeList(keys, func(key string) any { return []any{encodeText(key), item(values[key])} })
}

func encodeFloat(value float64) string {
	if math.IsNaN(value) {
		return "NaN"
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.IsNil()
}

func encode(value any) any {
	if isNil(value) {
		return object{"nil": fmt.Sprintf("%T", value)}
	}
	switch v := value.(type) {
	case nil, bool:
		return v
	case string:
		return encodeText(v)
	case int, int64, uint8, uint64:
		return object{fmt.Sprintf("%T", v): fmt.Sprint(v)}
	case float64:
		return object{"float64": encodeFloat(v)}
	case complex128:
		return object{"complex128": fmt.Sprint(v)}
	case []any:
		return encodeList(v, encode)
	case []string:
		return object{"strings": encodeList(v, encodeText)}
	case []int:
		return object{"ints": encodeList(v, func(n int) any { return strconv.Itoa(n) })}
	case [][]any:
		return object{"lists": encodeList(v, func(l []any) any { return encode(l) })}
	case map[string]any:
		return object{"map": encodeMap(v, encode)}
	case map[string]string:
		return object{"smap": encodeMap(v, encodeText)}
	}
	return encodeObject(value)
}

func encodeObject(value any) any {
	switch v := value.(type) {
	case time.Time:
		return object{"time": v.Format("2006-01-02T15:04:05.999999999 -07:00 MST") + " | " + v.String()}
	case time.Duration:
		return object{"duration": strconv.FormatInt(int64(v), 10)}
	case time.Month:
		return object{"month": strconv.Itoa(int(v))}
	case time.Weekday:
		return object{"weekday": strconv.Itoa(int(v))}
	case *time.Location:
		return object{"location": v.String()}
	case *semver.Version:
		return object{"semver": v.String() + " | " + v.Original()}
	case semver.Version:
		return object{"semver value": v.String() + " | " + v.Original()}
	}
	return object{"other": fmt.Sprintf("%T", value)}
}

func invoke(table map[string]any, c *call) (o outcome) {
	defer func() {
		if problem := recover(); problem != nil {
			o = outcome{Failed: true, Error: fmt.Sprint(problem)}
		}
	}()
	args := listOf(c.Args, decode)
	function := reflect.ValueOf(table[c.Fn])
	if c.Method {
		function, args = reflect.ValueOf(args[0]).MethodByName(c.Fn), args[1:]
	}
	kind := function.Type()
	values := []reflect.Value{}
	for i, argument := range args {
		var wanted reflect.Type
		if last := kind.NumIn() - 1; kind.IsVariadic() && i >= last {
			wanted = kind.In(last).Elem()
		} else {
			wanted = kind.In(i)
		}
		value := reflect.Zero(wanted)
		if argument != nil {
			value = reflect.ValueOf(argument)
			if !value.Type().AssignableTo(wanted) {
				value = value.Convert(wanted)
			}
		}
		values = append(values, value)
	}
	results := function.Call(values)
	if len(results) == 2 && !results[1].IsNil() {
		return outcome{Failed: true, Error: results[1].Interface().(error).Error()}
	}
	return outcome{Result: encode(results[0].Interface()), Args: encodeList(args, encode)}
}

// serveCalls answers direct calls of functions, one JSON value per line.
func serveCalls(in *bufio.Reader, out io.Writer) {
	table := callTable()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			panic(err)
		}
		if err := encoder.Encode(invoke(table, &c)); err != nil {
			panic(err)
		}
	}
}
