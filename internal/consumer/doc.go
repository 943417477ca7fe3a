// Package consumer is a program that uses the library as anybody may. Its
// module path lies outside of the library's, so it cannot import internal
// packages. The checks build and test it outside of the checkout too, with the
// library as the module proxy would serve it.
package consumer
