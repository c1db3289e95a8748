/* SPDX-License-Identifier: BSD-3-Clause */
/* host.cpp - C++ exceptions across frames that have just faulted; SQLite with a mapped database */
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "faults.h"

namespace
{

void check(bool condition, const char *what)
{
	if (!condition) {
		std::fprintf(stderr, "not true: %s\n", what);
		std::exit(1);
	}
}

int destroyed;

struct Guard {
	~Guard()
	{
		/* While an exception is in flight. */
		check(faults_recover(2) == 0, "copies in a destructor");
		destroyed++;
	}
};

void throw_it()
{
	Guard guard;
	throw std::runtime_error("on its way");
}

void exceptions()
{
	for (int i = 0; i < 1000; i++) {
		try {
			Guard guard;
			check(faults_recover(1) == 0, "copies");
			throw_it();
		} catch (const std::runtime_error &) {
			check(faults_recover(1) == 0, "copies in a handler of exceptions");
		}
	}
	check(destroyed == 2000, "destructors");
}

int count_rows(void *count, int, char **values, char **)
{
	*static_cast<long *>(count) = std::atol(values[0]);
	return faults_recover(1);
}

void sqlite()
{
	std::string path = "mcsafe-host-" + std::to_string(std::rand()) + ".db";
	sqlite3 *db;
	long rows = 0;

	check(sqlite3_open(path.c_str(), &db) == SQLITE_OK, "open");
	check(sqlite3_exec(db,
			   "pragma mmap_size=268435456; create table t(a, b);"
			   "with recursive n(i) as (select 1 union all select i + 1 from n where i "
			   "< 20000)"
			   "insert into t select i, hex(randomblob(100)) from n;",
			   nullptr, nullptr, nullptr) == SQLITE_OK,
	      "fill");
	for (int i = 0; i < 20; i++) {
		check(sqlite3_exec(db, "select count(*) from t where length(b) = 200;", count_rows,
				   &rows, nullptr) == SQLITE_OK,
		      "select");
		check(rows == 20000, "rows");
	}
	check(sqlite3_close(db) == SQLITE_OK, "close");
	check(std::remove(path.c_str()) == 0, "remove");
}

} // namespace

int main()
{
	check(faults_install() == 0, "install");
	check(faults_start() == 0, "start");
	exceptions();
	sqlite();
	long faults = faults_stop();
	check(faults > 0, "faults in other threads");
	std::printf("1000 exceptions, 20 queries, %ld faults in other threads\n", faults);
	return 0;
}
