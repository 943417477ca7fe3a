// Package ghmigratetest is a fake GitHub for programs that use GitHub's Migrations API.
package ghmigratetest
