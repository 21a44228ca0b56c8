// Lesson: a job in Go. It is a WASI command with Go's whole runtime in it, encoding/json included.
package main

import (
	"bytes"
	"encoding/json"
	"unsafe"
)

// What the host gives, all of it under the import module `ampule`.

//go:wasmimport ampule kwargs_len
func kwargsLen() uint32

//go:wasmimport ampule kwargs_read
func kwargsRead(to unsafe.Pointer)

//go:wasmimport ampule _return
func returnJSON(json unsafe.Pointer, size uint32)

//go:wasmimport ampule fail
func failJSON(json unsafe.Pointer, size uint32)

// A pointer, so that an absent argument is not taken for zero.
type kwargs struct {
	Testvar *int32 `json:"testvar"`
}

type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Retry   bool   `json:"retry"`
}

func main() {
	given, message := readKwargs()
	if message != "" {
		fail(failure{Type: "bad_kwargs", Message: message})
		return
	}
	// An int32 is read and an int64 is handed out, so that no sum can overflow.
	sum := int64(*given.Testvar) + 5
	_return(sum)
	_return(sum + 5)
}

// Reads the kwargs object, or says what is wrong with it.
func readKwargs() (given kwargs, message string) {
	// A byte more than needed, so that there is a first one to point at.
	text := make([]byte, kwargsLen()+1)
	kwargsRead(unsafe.Pointer(&text[0]))
	decoder := json.NewDecoder(bytes.NewReader(text[:len(text)-1]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return given, err.Error()
	}
	if given.Testvar == nil {
		return given, "expected `testvar`, found none"
	}
	return given, ""
}

// Hands a value out. May be called any number of times, and never ends the job.
func _return(value any) {
	text := encode(value)
	returnJSON(unsafe.Pointer(&text[0]), uint32(len(text)))
}

// Says what went wrong. The run then fails, however it ends.
func fail(why failure) {
	text := encode(why)
	failJSON(unsafe.Pointer(&text[0]), uint32(len(text)))
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
