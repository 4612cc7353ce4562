// Hides features of the processor from every library of a process: LD_PRELOAD, Linux, x86-64.
//
// The kernel is asked to let CPUID fault (arch_prctl(2), ARCH_CPUID; the flag is inherited by threads, not by execve).
// The handler lets the instruction through, runs it, clears the bits that HIDDEN_CPUID_BITS names, and goes on behind
// it. HIDDEN_CPUID_BITS: leaf:subleaf:register:bit, comma between them, the leaf in hexadecimal, the register one of
// a b c d. What the loader and the C library chose before this library was loaded stays chosen.
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

enum { kMost = 128 };
static struct {
  unsigned leaf, subleaf, reg, mask;
} hidden[kMost];
static int count;
static struct sigaction before;

static void Handle(int signal, siginfo_t* info, void* context) {
  greg_t* g = ((ucontext_t*)context)->uc_mcontext.gregs;
  // si_addr is 0 for a general protection fault, which a trapped CPUID is; reading at RIP is safe only then.
  const unsigned char* at = (const unsigned char*)g[REG_RIP];
  if (info->si_code != SI_KERNEL || at[0] != 0x0F || at[1] != 0xA2) {
    // Not ours: the next fault of the same instruction meets the handler that was there before.
    sigaction(signal, &before, NULL);
    return;
  }
  const unsigned leaf = (unsigned)g[REG_RAX], subleaf = (unsigned)g[REG_RCX];
  unsigned r[4];
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  for (int i = 0; i < count; ++i) {
    if (hidden[i].leaf == leaf && hidden[i].subleaf == subleaf) r[hidden[i].reg] &= ~hidden[i].mask;
  }
  g[REG_RAX] = r[0];
  g[REG_RBX] = r[1];
  g[REG_RCX] = r[2];
  g[REG_RDX] = r[3];
  g[REG_RIP] += 2;
}

__attribute__((constructor)) static void Start(void) {
  const char* text = getenv("HIDDEN_CPUID_BITS");
  if (text == NULL) return;
  for (; count < kMost; ++count) {
    char reg;
    unsigned bit;
    if (sscanf(text, "%x:%u:%c:%u", &hidden[count].leaf, &hidden[count].subleaf, &reg, &bit) != 4) break;
    hidden[count].reg = (unsigned)(reg - 'a');
    hidden[count].mask = 1u << bit;
    text = strchr(text, ',');
    if (text++ == NULL) {
      ++count;
      break;
    }
  }
  struct sigaction action = {0};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &before);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0) {
    fputs("hidden_features: this system cannot make CPUID fault\n", stderr);
    _exit(3);
  }
}
