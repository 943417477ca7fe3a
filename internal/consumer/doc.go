// Package consumer is an example of a program that uses the library. Its module path
// is outside of the library's, so that it cannot import internal packages. The checks
// also build and test it outside of the checkout, with the library as the module
// proxy serves it.
package consumer
