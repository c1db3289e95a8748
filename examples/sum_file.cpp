/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sum_file.cpp - add up the bytes of a mapped file in C++17, and say where it was truncated
 *
 *	sum_file copy|guard|shield [--wait] FILE
 *
 * The three ways do the same work: copies out of a mapping, a guard around code that may be left,
 * and a shield under code that may not. With --wait the program reads a line from standard input
 * when the file is mapped, so that there is time to truncate it. Exit status: 0 the sum is that of
 * the whole file; 1 something was lost; 2 wrong usage, or the file could not be mapped.
 */
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <mcsafe/mcsafe.hpp>

namespace
{

constexpr int exit_lost = 1;
constexpr int exit_trouble = 2;

/* Called when the file is mapped. */
using ready_fn = void (*)();

/* The mapping of a whole file, as programs have it that know nothing of libmcsafe. */
class mapping
{
      public:
	explicit mapping(const std::string &path)
	{
		int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
		struct stat info = {};
		int err = fd < 0 || fstat(fd, &info) != 0 ? errno : 0;

		size_ = static_cast<std::size_t>(info.st_size);
		/* A file without a byte cannot be mapped. */
		if (err == 0 && size_ != 0)
			start_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
		if (start_ == MAP_FAILED)
			err = errno;
		if (fd >= 0)
			close(fd);
		if (err != 0)
			throw std::system_error(err, std::generic_category(), path);
	}

	mapping(const mapping &) = delete;
	mapping &operator=(const mapping &) = delete;

	~mapping()
	{
		if (size_ != 0)
			munmap(start_, size_);
	}

	void *start() const
	{
		return start_;
	}

	std::size_t size() const
	{
		return size_;
	}

	/* Ordinary code: it reads the mapped memory itself. */
	std::uint64_t sum() const
	{
		const auto *bytes = static_cast<const unsigned char *>(start_);

		return std::accumulate(bytes, bytes + size_, std::uint64_t(0));
	}

      private:
	void *start_ = nullptr;
	std::size_t size_ = 0;
};

/* The file can end before the page that has failed. The kernel says where. Any other damage is
 * described by a line of the library. */
void print_loss(const std::string &path, std::size_t offset,
		const std::optional<mcsafe_explanation> &why, const std::string &line)
{
	if (why && why->reason == MCSAFE_REASON_PAST_END)
		std::fprintf(stderr, "sum_file: %s: truncated at byte %ju\n", path.c_str(),
			     std::uintmax_t(why->file_size));
	else
		std::fprintf(stderr, "sum_file: %s: lost from byte %zu on: %s\n", path.c_str(),
			     offset, line.c_str());
}

/* Reads the file by copies out of its mapping, which throw. The pmem has been closed when the
 * exception is caught, so the exception brings the explanation along. */
int by_copies(const std::string &path, ready_fn ready)
{
	off_t at = 0;

	try {
		mcsafe::pmem file(path);
		std::vector<unsigned char> chunk(1 << 16);
		std::uint64_t sum = 0;

		ready();
		while (std::size_t n = file.read(chunk, at)) {
			sum = std::accumulate(chunk.data(), chunk.data() + n, sum);
			at += static_cast<off_t>(n);
		}
		std::printf("sum: %ju\n", std::uintmax_t(sum));
	} catch (const mcsafe::access_error &error) {
		print_loss(path, static_cast<std::size_t>(at) + error.done(), error.explanation(),
			   error.what());
		return exit_lost;
	}
	return 0;
}

/* A guard leaves the loop where it faults. Here the fault is a value; mcsafe::call() throws it. */
int by_guard(const std::string &path, ready_fn ready)
{
	mapping file(path);

	ready();
	auto sum = mcsafe::try_call(file.start(), file.size(), [&] { return file.sum(); });
	if (!sum) {
		const mcsafe_fault &fault = sum.error().fault;

		print_loss(path, sum.error().offset, mcsafe::explanation(fault),
			   mcsafe::explain(fault));
		return exit_lost;
	}
	std::printf("sum: %ju\n", std::uintmax_t(*sum));
	return 0;
}

/* Under a shield the loop goes on with zeros. Ask afterwards whether it has read any. */
int by_shield(const std::string &path, ready_fn ready)
{
	mapping file(path);
	mcsafe::shield shield;

	if (file.size() != 0)
		shield = mcsafe::shield(file.start(), file.size());
	ready();
	std::printf("sum: %ju\n", std::uintmax_t(file.sum()));
	for (const mcsafe_range &lost : shield)
		std::fprintf(stderr, "sum_file: %s: zeros stood in for %zu bytes at byte %zu\n",
			     path.c_str(), lost.len, lost.start);
	return shield.begin() == shield.end() ? 0 : exit_lost;
}

void wait_for_a_line()
{
	int byte;

	std::puts("mapped");
	std::fflush(stdout);
	do
		byte = std::getchar();
	while (byte != '\n' && byte != EOF);
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<std::string_view> args(argv + 1, argv + argc);
	ready_fn ready = [] {};

	if (args.size() == 3 && args[1] == "--wait") {
		ready = wait_for_a_line;
		args.erase(args.begin() + 1);
	}
	try {
		mcsafe::install().value();
		if (args.size() == 2 && args[0] == "copy")
			return by_copies(std::string(args[1]), ready);
		if (args.size() == 2 && args[0] == "guard")
			return by_guard(std::string(args[1]), ready);
		if (args.size() == 2 && args[0] == "shield")
			return by_shield(std::string(args[1]), ready);
		std::fprintf(stderr, "usage: sum_file copy|guard|shield [--wait] FILE\n");
	} catch (const std::exception &error) {
		std::fprintf(stderr, "sum_file: %s\n", error.what());
	}
	return exit_trouble;
}
