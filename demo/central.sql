-- The central education database of the simulated city, as a real one might look.
-- `demo.central` runs this in one transaction, loads the rows and adds keys and triggers.

create table mo_phong (
    thong_bao_vi text not null,
    thong_bao_en text not null,
    hat_giong bigint not null,
    ti_le double precision not null,
    phien_ban text not null,
    lap_luc timestamptz not null default now()
);
comment on table mo_phong is 'DỮ LIỆU MÔ PHỎNG: cho biết cơ sở dữ liệu này được lập từ hạt giống nào';

-- What changed, by table and school year: a reader learns from one row whether it has to read
-- the millions of rows behind it. Kept by the triggers of `them_nhat_ky`.
create table nhat_ky_thay_doi (
    bang text not null,
    nam_hoc text collate "C" not null,
    phien_ban bigint not null,
    so_dong bigint not null,
    cap_nhat_luc timestamptz not null,
    primary key (bang, nam_hoc)
);
comment on table nhat_ky_thay_doi is 'Nhật ký thay đổi theo bảng và năm học (DỮ LIỆU MÔ PHỎNG)';

create table truong (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    ten_truong text not null,
    loai_truong text not null,
    cap_hoc text not null,
    loai_hinh text not null,
    ma_phuong_xa text not null,
    ma_phuong_xa_cu text not null,
    dia_chi text,
    vi_do numeric(8, 5),
    kinh_do numeric(8, 5),
    dat_chuan_quoc_gia boolean not null,
    hieu_truong text,
    dien_thoai text,
    thu_dien_tu text,
    cap_nhat_luc timestamptz not null
);
comment on table truong is 'Cơ sở giáo dục theo năm học (DỮ LIỆU MÔ PHỎNG)';

create table hoc_sinh (
    nam_hoc text collate "C" not null,
    ma_dinh_danh text collate "C" not null,
    ho_ten text not null,
    ngay_sinh date not null,
    gioi_tinh text not null,
    ma_truong text not null,
    khoi text not null,
    ma_lop text not null,
    dia_chi text,
    ho_ten_cha_me text,
    dien_thoai_cha_me text,
    internet_tai_nha boolean not null,
    thiet_bi_hoc_tap boolean not null,
    dung_kho_hoc_lieu boolean not null,
    cap_nhat_luc timestamptz not null
) partition by list (nam_hoc);
comment on table hoc_sinh is 'Học sinh, trẻ mầm non theo năm học (DỮ LIỆU MÔ PHỎNG)';

create table bien_dong (
    nam_hoc text collate "C" not null,
    so_bien_dong text not null,
    ma_dinh_danh text not null,
    ma_truong text not null,
    khoi text not null,
    gioi_tinh text not null,
    loai_bien_dong text not null,
    ngay_bien_dong date not null,
    cap_nhat_luc timestamptz not null
);
comment on table bien_dong is 'Biến động học sinh (DỮ LIỆU MÔ PHỎNG)';

create table nhan_su (
    nam_hoc text collate "C" not null,
    ma_nhan_su text collate "C" not null,
    ho_ten text not null,
    ngay_sinh date not null,
    gioi_tinh text not null,
    dien_thoai text,
    ma_truong text not null,
    vi_tri text not null,
    trinh_do text not null,
    loai_hop_dong text not null,
    cap_nhat_luc timestamptz not null
) partition by list (nam_hoc);
comment on table nhan_su is 'Cán bộ quản lý, giáo viên, nhân viên (DỮ LIỆU MÔ PHỎNG)';

create table ket_qua (
    nam_hoc text collate "C" not null,
    ma_dinh_danh text collate "C" not null,
    ma_truong text not null,
    khoi text not null,
    gioi_tinh text not null,
    xep_loai text not null,
    cap_nhat_luc timestamptz not null
) partition by list (nam_hoc);
comment on table ket_qua is 'Kết quả rèn luyện và học tập cuối năm (DỮ LIỆU MÔ PHỎNG)';

create table ket_qua_thi (
    nam_hoc text collate "C" not null,
    ma_bai_thi text collate "C" not null,
    ma_dinh_danh text not null,
    ma_truong text not null,
    ky_thi text not null,
    mon text not null,
    diem numeric(4, 2) not null,
    cap_nhat_luc timestamptz not null
) partition by list (nam_hoc);
comment on table ket_qua_thi is 'Điểm thi tuyển sinh lớp 10, tốt nghiệp THPT (DỮ LIỆU MÔ PHỎNG)';

create table lop (
    nam_hoc text collate "C" not null,
    ma_lop text not null,
    ten_lop text not null,
    ma_truong text not null,
    khoi text not null,
    so_buoi text not null,
    cap_nhat_luc timestamptz not null
);
comment on table lop is 'Lớp học (DỮ LIỆU MÔ PHỎNG)';

create table tuyen_sinh (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    chi_tieu integer not null,
    nguyen_vong integer not null,
    trung_tuyen integer not null,
    diem_chuan numeric(4, 2),
    cap_nhat_luc timestamptz not null
);
comment on table tuyen_sinh is 'Tuyển sinh lớp 10 (DỮ LIỆU MÔ PHỎNG)';

create table phan_cong_giang_day (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    khoi text not null,
    mon text not null,
    so_lop integer not null,
    so_tiet_tuan numeric(8, 1) not null,
    cap_nhat_luc timestamptz not null
);
comment on table phan_cong_giang_day is 'Phân công giảng dạy theo thời khóa biểu (DỮ LIỆU MÔ PHỎNG)';

create table co_so_vat_chat (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    loai text not null,
    so_luong integer not null,
    cap_nhat_luc timestamptz not null
);
comment on table co_so_vat_chat is 'Phòng học và công trình (DỮ LIỆU MÔ PHỎNG)';

create table dien_tich (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    dien_tich_san numeric(10, 1) not null,
    so_hoc_sinh integer not null,
    cap_nhat_luc timestamptz not null
);
comment on table dien_tich is 'Diện tích sàn, m² (DỮ LIỆU MÔ PHỎNG)';

create table ung_dung_cntt (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    chuc_nang text not null,
    dang_dung boolean not null,
    cap_nhat_luc timestamptz not null
);
comment on table ung_dung_cntt is 'Ứng dụng công nghệ thông tin trong quản lý (DỮ LIỆU MÔ PHỎNG)';

create table duong_truyen (
    nam_hoc text collate "C" not null,
    ma_truong text not null,
    nha_cung_cap text not null,
    toc_do_mbps integer not null,
    so_hoc_sinh integer not null,
    cap_nhat_luc timestamptz not null
);
comment on table duong_truyen is 'Đường truyền băng thông rộng (DỮ LIỆU MÔ PHỎNG)';

create function ghi_gio_sua() returns trigger language plpgsql as $$
begin
    new.cap_nhat_luc := now();
    return new;
end $$;

-- After a statement: add what it changed to the log, by school year. The first argument is the
-- table's name, since a partition has a name of its own.
create function ghi_nhat_ky() returns trigger language plpgsql security definer
set search_path from current as $$
begin
    if tg_op = 'INSERT' then
        insert into nhat_ky_thay_doi as log
        select tg_argv[0], nam_hoc, 1, count(*), clock_timestamp() from dong_moi group by nam_hoc
        on conflict (bang, nam_hoc) do update set phien_ban = log.phien_ban + 1,
            so_dong = log.so_dong + excluded.so_dong, cap_nhat_luc = excluded.cap_nhat_luc;
    elsif tg_op = 'DELETE' then
        insert into nhat_ky_thay_doi as log
        select tg_argv[0], nam_hoc, 1, -count(*), clock_timestamp() from dong_cu group by nam_hoc
        on conflict (bang, nam_hoc) do update set phien_ban = log.phien_ban + 1,
            so_dong = log.so_dong + excluded.so_dong, cap_nhat_luc = excluded.cap_nhat_luc;
    else
        insert into nhat_ky_thay_doi as log
        select tg_argv[0], nam_hoc, 1, sum(hieu), clock_timestamp() from (
            select nam_hoc, 1 as hieu from dong_moi union all select nam_hoc, -1 from dong_cu
        ) as moi_va_cu group by nam_hoc
        on conflict (bang, nam_hoc) do update set phien_ban = log.phien_ban + 1,
            so_dong = log.so_dong + excluded.so_dong, cap_nhat_luc = excluded.cap_nhat_luc;
    end if;
    return null;
end $$;

-- Nothing tells which rows a TRUNCATE took: every year of the table counts as changed.
create function ghi_nhat_ky_xoa_sach() returns trigger language plpgsql security definer
set search_path from current as $$
begin
    update nhat_ky_thay_doi set phien_ban = phien_ban + 1, cap_nhat_luc = clock_timestamp(),
        so_dong = case when tg_table_name = tg_argv[0] then 0 else so_dong end
    where bang = tg_argv[0];
    return null;
end $$;

create procedure them_nhat_ky(quan_he text, bang text) language plpgsql as $$
begin
    execute format('create trigger nhat_ky_them after insert on %I referencing new table as
        dong_moi for each statement execute function ghi_nhat_ky(%L)', quan_he, bang);
    execute format('create trigger nhat_ky_sua after update on %I referencing new table as
        dong_moi old table as dong_cu for each statement execute function ghi_nhat_ky(%L)',
        quan_he, bang);
    execute format('create trigger nhat_ky_xoa after delete on %I referencing old table as
        dong_cu for each statement execute function ghi_nhat_ky(%L)', quan_he, bang);
    execute format('create trigger nhat_ky_xoa_sach after truncate on %I
        for each statement execute function ghi_nhat_ky_xoa_sach(%L)', quan_he, bang);
end $$;
