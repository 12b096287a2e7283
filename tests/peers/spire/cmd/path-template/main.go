// Command path-template renders agent path templates with SPIRE's own code. It reads a JSON object
// {"data": {...}, "templates": ["...", ...]} and writes a JSON list, for each template the output,
// or null where SPIRE refuses it or fails.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/spiffe/spire/pkg/common/agentpathtemplate"
)

func main() {
	var input struct {
		Data      map[string]any `json:"data"`
		Templates []string       `json:"templates"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		log.Fatal(err)
	}
	outputs := make([]*string, 0, len(input.Templates))
	for _, text := range input.Templates {
		outputs = append(outputs, render(text, input.Data))
	}
	if err := json.NewEncoder(os.Stdout).Encode(outputs); err != nil {
		log.Fatal(err)
	}
}

func render(text string, data map[string]any) *string {
	template, err := agentpathtemplate.Parse(text)
	if err != nil {
		return nil
	}
	out, err := template.Execute(data)
	if err != nil {
		return nil
	}
	return &out
}
