/* SPDX-License-Identifier: Apache-2.0 */
/* Where the application's `syscall` instruction lands (LSTAR), and the switch between two threads.
 *
 * Everything is ring 0. SYSCALL leaves the stack alone, so the handler runs on the thread's own stack and has
 * to step over the 128 bytes below it, which the ABI lets a leaf function use without moving rsp (the red
 * zone). It returns with popf and jmp: SYSRET would go to ring 3. All registers but rax, rcx and r11 survive;
 * vector registers do because libos does not touch them (-mgeneral-regs-only) and u0_switch saves them. */

        .text

        .globl  u0_syscall_entry
        .type   u0_syscall_entry, @function
u0_syscall_entry:                       /* pushes struct u0::SyscallArgs from its end */
        lea     -128(%rsp), %rsp
        push    %r11
        push    %rcx
        push    %r15
        push    %r14
        push    %r13
        push    %r12
        push    %rbp
        push    %rbx
        push    %r9
        push    %r8
        push    %r10
        push    %rdx
        push    %rsi
        push    %rdi
        push    %rax
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    u0_syscall
        mov     %rbp, %rsp
syscall_return:
        add     $8, %rsp
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %r10
        pop     %r8
        pop     %r9
        pop     %rbx
        pop     %rbp
        pop     %r12
        pop     %r13
        pop     %r14
        pop     %r15
        pop     %rcx
        popfq
        lea     128(%rsp), %rsp         /* no effect on the flags */
        jmp     *%rcx
        .size   u0_syscall_entry, . - u0_syscall_entry

/* void u0_switch(void** save_stack (rdi), void* stack (rsi), void* save_vectors (rdx), void* vectors (rcx))
 * Saves the running thread and continues the other one where it called u0_switch, or in u0_thread_start. */
        .globl  u0_switch
        .type   u0_switch, @function
u0_switch:
        fxsave64 (%rdx)
        fxrstor64 (%rcx)
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
        .size   u0_switch, . - u0_switch

/* Where a new thread comes out of its first u0_switch: its stack holds a SyscallArgs; clone returns 0. */
        .globl  u0_thread_start
        .type   u0_thread_start, @function
u0_thread_start:
        call    u0_thread_started
        xor     %eax, %eax
        jmp     syscall_return
        .size   u0_thread_start, . - u0_thread_start

/* [[noreturn]] void u0_start_application(void* stack (rdi), void (*entry)() (rsi))
 * rdx = 0: no function to register with atexit (ABI 3.4.1, process initialisation). */
        .globl  u0_start_application
        .type   u0_start_application, @function
u0_start_application:
        mov     %rdi, %rsp
        fninit
        ldmxcsr initial_mxcsr(%rip)
        xor     %edx, %edx
        xor     %ebp, %ebp
        sti
        jmp     *%rsi
        .size   u0_start_application, . - u0_start_application

        .section .rodata
        .balign 4
initial_mxcsr:
        .long   0x1f80                  /* all exceptions masked, round to nearest */

        .section .note.GNU-stack, "", @progbits
